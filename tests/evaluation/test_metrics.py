"""Scores against numbers computed by hand, scikit-learn, and what must hold for any predictions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from openmer.errors import DataError, ProtocolError
from openmer.evaluation import _metrics as metrics

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


def all_scores(truth, predicted, classes):
    return [
        score(truth, predicted, num_classes=classes)
        for score in (
            metrics.unweighted_f1,
            metrics.unweighted_average_recall,
            metrics.accuracy,
            metrics.f1_of_mean_precision_recall,
        )
    ]


def test_scores_by_hand():
    counts = metrics.confusion_matrix(TRUTH, PREDICTED, num_classes=3)
    assert counts.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 1]]
    # F1: 2/3, 4/5, 1. Recall: 1/2, 1, 1. Precision: 1, 2/3, 1.
    assert metrics.unweighted_f1(TRUTH, PREDICTED, num_classes=3) == pytest.approx(37 / 45)
    assert metrics.unweighted_average_recall(TRUTH, PREDICTED, num_classes=3) == pytest.approx(
        5 / 6
    )
    assert metrics.accuracy(TRUTH, PREDICTED, num_classes=3) == 0.8
    precision, recall = 8 / 9, 5 / 6
    assert metrics.f1_of_mean_precision_recall(TRUTH, PREDICTED, num_classes=3) == pytest.approx(
        2 * precision * recall / (precision + recall)
    )


def test_majority_on_the_composite_scores_what_the_field_knows():
    truth = np.repeat([0, 1, 2], [250, 109, 83])
    found = metrics.pooled_scores(truth, np.zeros_like(truth), num_classes=3)
    assert (round(found.accuracy, 3), round(found.uf1, 3), round(found.uar, 3)) == (
        0.566,
        0.241,
        0.333,
    )
    assert found.clips == 442


def test_no_prediction_right_scores_zero():
    scores = all_scores(np.array([0, 1]), np.array([1, 0]), 2)
    assert scores == [0, 0, 0, 0]


@QUICK
@given(answers())
def test_scores_equal_those_of_scikit_learn(answer):
    truth, predicted, classes = answer
    options = {"average": "macro", "labels": range(classes), "zero_division": 0.0}
    uf1, uar, accuracy, _ = all_scores(truth, predicted, classes)
    assert uf1 == pytest.approx(sklearn_metrics.f1_score(truth, predicted, **options))
    assert uar == pytest.approx(sklearn_metrics.recall_score(truth, predicted, **options))
    assert accuracy == pytest.approx(sklearn_metrics.accuracy_score(truth, predicted))
    counts = metrics.confusion_matrix(truth, predicted, num_classes=classes)
    expected = sklearn_metrics.confusion_matrix(truth, predicted, labels=range(classes))
    assert (counts == expected).all()
    one_by_one = sklearn_metrics.precision_recall_fscore_support(
        truth, predicted, labels=range(classes), zero_division=0.0
    )
    found = metrics.per_class(truth, predicted, num_classes=classes)
    for ours, theirs in zip(
        (found.precision, found.recall, found.f1, found.support), one_by_one, strict=True
    ):
        assert ours == pytest.approx(theirs)


@QUICK
@given(answers(), st.randoms(use_true_random=False))
def test_scores_lie_in_0_to_1_and_ignore_the_order_of_rows(answer, random):
    truth, predicted, classes = answer
    scores = all_scores(truth, predicted, classes)
    assert all(0 <= score <= 1 for score in scores)
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
    uf1, _, _, f1_of_means = all_scores(*answer)
    assert f1_of_means >= uf1 - 1e-12


@QUICK
@given(answers(), st.integers(0, 4))
def test_a_part_without_a_class_skips_it_and_says_so(answer, absent):
    truth, predicted, classes = answer
    absent %= classes
    kept = truth != absent
    truth, predicted = truth[kept], predicted[kept]
    found = metrics.pooled_scores(truth, predicted, num_classes=classes, absent="skip")
    assert found.skipped == (absent,)
    options = {
        "average": "macro",
        "labels": sorted(set(range(classes)) - {absent}),
        "zero_division": 0.0,
    }
    assert found.uf1 == pytest.approx(sklearn_metrics.f1_score(truth, predicted, **options))
    assert found.uar == pytest.approx(sklearn_metrics.recall_score(truth, predicted, **options))
    assert np.isnan(metrics.per_class(truth, predicted, num_classes=classes).f1[absent])
    for score in (metrics.unweighted_f1, metrics.f1_of_mean_precision_recall):
        with pytest.raises(ProtocolError, match=f"Class index {absent} .* never occurs"):
            score(truth, predicted, num_classes=classes)


def test_stacked_scores_are_those_of_every_matrix():
    generator = np.random.default_rng(0)
    counts = generator.integers(0, 9, size=(4, 2, 3, 3))
    counts[0, 0, 1] = 0
    stacked = metrics.stacked_scores(counts)
    assert stacked.complete.tolist()[0] == [False, True]
    for place in np.ndindex(4, 2):
        alone = metrics.stacked_scores(counts[place])
        assert stacked.uf1[place] == pytest.approx(float(alone.uf1))
        assert stacked.uar[place] == pytest.approx(float(alone.uar))


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
