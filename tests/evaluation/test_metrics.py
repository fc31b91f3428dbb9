"""Scores against numbers computed by hand, scikit-learn, and what must hold for any predictions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from openmer.errors import DataError, ProtocolError
from openmer.evaluation import _metrics as metrics
from openmer.evaluation import list_metrics, per_class_of, register_metric, require_every_class

QUICK = settings(deadline=None, max_examples=40)
TRUTH = np.array([0, 0, 1, 1, 2])
PREDICTED = np.array([0, 1, 1, 1, 2])


@st.composite
def answers(draw):
    """Truth with every class and any prediction, 2 to 5 classes."""
    classes = draw(st.integers(2, 5))
    rest = draw(st.lists(st.integers(0, classes - 1), max_size=40))
    truth = list(range(classes)) + rest
    predicted = draw(
        st.lists(st.integers(0, classes - 1), min_size=len(truth), max_size=len(truth))
    )
    return np.array(truth), np.array(predicted), classes


def counts_of(truth, predicted, classes=3):
    return metrics.confusion_matrix(truth, predicted, num_classes=classes)


def all_scores(truth, predicted, classes):
    """Every metric of counts, by its name."""
    counts = counts_of(truth, predicted, classes)
    return {m.name: float(m.function(counts)) for m in list_metrics() if m.of == "counts"}


def test_the_metrics_that_come_with_the_package():
    assert [m.name for m in list_metrics(main=True)] == ["uf1", "uar", "accuracy"]
    others = [m.name for m in list_metrics(main=False)]
    assert others[:4] == ["f1_of_means", "kappa", "mcc", "auc"]
    assert [m.title for m in list_metrics()][:2] == ["UF1", "UAR"]


def test_scores_by_hand():
    counts = counts_of(TRUTH, PREDICTED)
    assert counts.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 1]]
    # F1: 2/3, 4/5, 1. Recall: 1/2, 1, 1. Precision: 1, 2/3, 1.
    assert metrics.uf1(counts) == pytest.approx(37 / 45)
    assert metrics.uar(counts) == pytest.approx(5 / 6)
    assert metrics.accuracy(counts) == 0.8
    precision, recall = 8 / 9, 5 / 6
    expected = 2 * precision * recall / (precision + recall)
    assert metrics.f1_of_means(counts) == pytest.approx(expected)
    # Chance: (2 x 1 + 2 x 3 + 1 x 1) / 25 = 9 / 25.
    assert metrics.kappa(counts) == pytest.approx((20 / 25 - 9 / 25) / (16 / 25))
    # (4 x 5 - 9) over the root of (25 - 9)(25 - 11).
    assert metrics.mcc(counts) == pytest.approx(11 / (16 * 14) ** 0.5)


def test_majority_on_the_composite_scores_what_the_field_knows():
    truth = np.repeat([0, 1, 2], [250, 109, 83])
    counts = counts_of(truth, np.zeros_like(truth))
    found = [float(score(counts)) for score in (metrics.accuracy, metrics.uf1, metrics.uar)]
    assert [round(value, 3) for value in found] == [0.566, 0.241, 0.333]
    assert (metrics.kappa(counts), metrics.mcc(counts)) == (0, 0)


def test_no_prediction_right_scores_zero_or_less():
    counts = counts_of(np.array([0, 1]), np.array([1, 0]), 2)
    assert [metrics.uf1(counts), metrics.uar(counts), metrics.accuracy(counts)] == [0, 0, 0]
    assert (metrics.f1_of_means(counts), metrics.kappa(counts), metrics.mcc(counts)) == (0, -1, -1)


def test_what_is_not_defined():
    one_class = counts_of(np.zeros(4, int), np.zeros(4, int))
    assert np.isnan(metrics.kappa(one_class))
    assert metrics.mcc(one_class) == 0
    empty = np.zeros((3, 3))
    assert [metrics.uf1(empty), metrics.uar(empty), metrics.accuracy(empty)] == [0, 0, 0]
    assert [metrics.kappa(empty), metrics.mcc(empty), metrics.f1_of_means(empty)] == [0, 0, 0]
    one_clip = counts_of(np.array([1]), np.array([1]))
    assert [metrics.uf1(one_clip), metrics.uar(one_clip), metrics.accuracy(one_clip)] == [1, 1, 1]
    assert np.isnan(metrics.kappa(one_clip))
    alone = metrics.macro_auc(np.zeros(4, int), np.eye(4)[:, :3], np.ones((1, 4)))
    assert np.isnan(alone).all()


@QUICK
@given(answers())
def test_scores_equal_those_of_scikit_learn(answer):
    truth, predicted, classes = answer
    options = {"average": "macro", "labels": range(classes), "zero_division": 0.0}
    expected = {
        "kappa": sklearn_metrics.cohen_kappa_score(truth, predicted),
        "mcc": sklearn_metrics.matthews_corrcoef(truth, predicted),
        "uf1": sklearn_metrics.f1_score(truth, predicted, **options),
        "uar": sklearn_metrics.recall_score(truth, predicted, **options),
        "accuracy": sklearn_metrics.accuracy_score(truth, predicted),
    }
    scores = all_scores(truth, predicted, classes)
    assert {name: scores[name] for name in expected} == pytest.approx(expected)
    counts = metrics.confusion_matrix(truth, predicted, num_classes=classes)
    expected = sklearn_metrics.confusion_matrix(truth, predicted, labels=range(classes))
    assert (counts == expected).all()
    one_by_one = sklearn_metrics.precision_recall_fscore_support(
        truth, predicted, labels=range(classes), zero_division=0.0
    )
    found = per_class_of(counts_of(truth, predicted, classes))
    for ours, theirs in zip(
        (found.precision, found.recall, found.f1, found.support), one_by_one, strict=True
    ):
        assert ours == pytest.approx(theirs)


@QUICK
@given(answers(), st.randoms(use_true_random=False))
def test_scores_lie_in_bounds_and_ignore_the_order_of_rows(answer, random):
    truth, predicted, classes = answer
    scores = all_scores(truth, predicted, classes)
    signed = {"kappa", "mcc"}
    assert all(-(name in signed) <= score <= 1 + 1e-12 for name, score in scores.items())
    order = list(range(len(truth)))
    random.shuffle(order)
    assert all_scores(truth[order], predicted[order], classes) == scores


@QUICK
@given(answers(), st.randoms(use_true_random=False))
def test_scores_ignore_the_names_of_classes(answer, random):
    truth, predicted, classes = answer
    names = list(range(classes))
    random.shuffle(names)
    renamed = np.array(names)
    assert all_scores(renamed[truth], renamed[predicted], classes) == pytest.approx(
        all_scores(truth, predicted, classes)
    )


@QUICK
@given(answers())
def test_f1_of_means_is_never_below_uf1(answer):
    scores = all_scores(*answer)
    assert scores["f1_of_means"] >= scores["uf1"] - 1e-12


@QUICK
@given(answers())
def test_no_prediction_scores_above_the_truth_itself(answer):
    truth, _, classes = answer
    best = all_scores(truth, truth, classes)
    assert all(score <= best[name] + 1e-12 for name, score in all_scores(*answer).items())


@QUICK
@given(answers(), st.integers(0, 4))
def test_a_part_without_a_class_skips_it(answer, absent):
    truth, predicted, classes = answer
    absent %= classes
    kept = truth != absent
    truth, predicted = truth[kept], predicted[kept]
    counts = counts_of(truth, predicted, classes)
    assert metrics.absent_classes(counts) == (absent,)
    options = {
        "average": "macro",
        "labels": sorted(set(range(classes)) - {absent}),
        "zero_division": 0.0,
    }
    assert metrics.uf1(counts) == pytest.approx(
        sklearn_metrics.f1_score(truth, predicted, **options)
    )
    assert metrics.uar(counts) == pytest.approx(
        sklearn_metrics.recall_score(truth, predicted, **options)
    )
    assert np.isnan(per_class_of(counts).f1[absent])
    assert np.isnan(per_class_of(counts).recall[absent])
    with pytest.raises(ProtocolError, match=rf"Class index {absent} of 0\.\.{classes - 1} never"):
        require_every_class(counts)


def test_counts_with_every_class_are_accepted():
    require_every_class(np.eye(3, dtype=np.int64))


@pytest.mark.parametrize(
    "metric", [m for m in list_metrics() if m.of == "counts"], ids=lambda metric: metric.name
)
def test_a_stack_of_matrices_is_scored_like_each_alone(metric):
    counts = np.random.default_rng(0).integers(0, 9, size=(4, 2, 3, 3))
    counts[0, 0, 1] = 0
    stacked = metric.function(counts)
    for place in np.ndindex(4, 2):
        assert stacked[place] == pytest.approx(float(metric.function(counts[place])))


@QUICK
@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(2, 30), st.booleans())
def test_the_area_is_that_of_scikit_learn(seed, classes, clips, rounded):
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), rng.integers(0, classes, clips)])
    scores = rng.normal(size=(len(truth), classes))
    scores = scores.round(0) if rounded else scores  # many ties
    weights = rng.integers(0, 4, size=(3, len(truth))).astype(float)
    weights[0] = 1
    found = metrics.macro_auc(truth, scores, weights)
    for value, weight in zip(found, weights, strict=True):
        sides = [
            (weight[truth == i].sum() > 0 and weight[truth != i].sum() > 0) for i in range(classes)
        ]
        areas = [
            sklearn_metrics.roc_auc_score(truth == i, scores[:, i], sample_weight=weight)
            for i in range(classes)
            if sides[i]
        ]
        assert value == pytest.approx(np.mean(areas)) if areas else np.isnan(value)


def test_the_area_by_hand():
    # Class 0: the positive 0.9 beats both, 0.4 ties one and beats one: (2 + 1.5) / 4.
    truth, first = np.array([0, 0, 1, 1]), np.array([0.9, 0.4, 0.4, 0.1])
    scores = np.stack([first, 1 - first], axis=1)
    assert metrics.macro_auc(truth, scores, np.ones((1, 4))) == pytest.approx([3.5 / 4])


@pytest.mark.parametrize("name", ["UF1", "a-b", "", "a b", "1a"])
def test_a_name_that_no_table_can_hold_is_refused(name):
    with pytest.raises(ValueError, match="lower case letters"):
        register_metric(name, "X")


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="'uf1' is taken"):
        register_metric("uf1", "Another")(lambda counts: counts)


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        ([0, 1], [0], "2 true and 1 predicted"),
        ([], [], "no clip"),
        ([0, 3], [0, 1], "class index 3; expected 0..2"),
        ([0, -1], [0, 1], "class index -1"),
        ([0.0, 1.0], [0, 1], "`truth` holds float64"),
        ([[0, 1]], [[0, 1]], "shape"),
    ],
)
def test_arrays_that_cannot_be_scored_are_refused(truth, predicted, message):
    with pytest.raises(DataError, match=message):
        metrics.confusion_matrix(np.array(truth), np.array(predicted), num_classes=3)
