"""Intervals by subjects and paired comparisons, against slow versions and known answers."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from tests.evaluation.made_up_runs import CLASSES, make_prediction, make_predictions, make_table

from openmer.errors import DataError, ProtocolError
from openmer.evaluation import PredictionTable, compare_runs, uf1
from openmer.evaluation._bootstrap import (
    Outcomes,
    _two_sided_p,
    estimate_scores,
    mcnemar,
    outcomes_of,
    per_seed_scores,
    score_differences,
)
from openmer.evaluation._metrics import confusion_matrix
from openmer.reproduction._paired_t import paired_t_test


def outcomes(counts):
    """Outcomes with these counts; scores say no more than the prediction."""
    seeds, subjects, classes, _ = counts.shape
    rows = [np.argwhere(counts[0, i]) for i in range(subjects)]
    cells = [(i, *cell) for i, found in enumerate(rows) for cell in found]
    times = [int(counts[0][cell]) for cell in cells]
    flat = np.repeat(np.array(cells).reshape(-1, 3), times, axis=0)
    return Outcomes(
        subjects=tuple(f"x/{i}" for i in range(subjects)),
        counts=counts,
        subject_of=flat[:, 0],
        truth=flat[:, 1],
        scores=np.repeat(np.eye(classes)[flat[:, 2]][None], seeds, axis=0),
    )


SMALL = {"casme2": (5, (20, 12, 12)), "samm": (4, (14, 10, 9))}


def test_matrices_of_subjects_add_up_to_the_pooled_one():
    table = make_table(seeds=(0, 1), corpora=SMALL)
    found = outcomes_of(table)
    assert found.counts.shape == (2, 9, 3, 3)
    assert found.subjects == tuple(sorted(set(table.subjects)))
    for i, seed in enumerate((0, 1)):
        rows = table.seed == seed
        assert (found.scores[i] == table.scores[rows]).all()
        assert (found.truth == table.truth[rows]).all()
        names = np.array(table.subjects)[rows]
        assert [found.subjects[place] for place in found.subject_of] == names.tolist()
        for j, subject_id in enumerate(found.subjects):
            here = rows & (np.array(table.subjects) == subject_id)
            expected = np.zeros((3, 3))
            np.add.at(expected, (table.truth[here], table.predicted[here]), 1)
            assert (found.counts[i, j] == expected).all()


def test_some_subjects_are_what_a_table_of_them_gives():
    table = make_table(seeds=(0, 1), corpora=SMALL)
    whole = outcomes_of(table)
    kept = [1, 4, 8]
    part = whole.only(kept)
    assert part.subjects == tuple(whole.subjects[place] for place in kept)
    assert (part.counts == whole.counts[:, kept]).all()
    clips = np.isin(whole.subject_of, kept)
    assert (part.truth == whole.truth[clips]).all()
    assert (part.scores == whole.scores[:, clips]).all()
    assert [part.subjects[i] for i in part.subject_of] == [
        whole.subjects[i] for i in whole.subject_of[clips]
    ]


def test_the_interval_is_that_of_a_plain_loop_over_drawn_subjects():
    table = make_table(seeds=(0, 1), corpora=SMALL)
    found = estimate_scores(outcomes_of(table), draws=300, seed=4)
    names = sorted(set(table.subjects))
    rows = [np.flatnonzero(np.array(table.subjects) == subject_id) for subject_id in names]
    times = np.random.default_rng(4).multinomial(9, np.full(9, 1 / 9), size=300)
    scores = {"uf1": [], "auc": []}
    for drawn in times:
        clips = np.concatenate([np.tile(rows[i], n) for i, n in enumerate(drawn)])
        if len(set(table.truth[clips])) == 3:
            own = [clips[table.seed[clips] == seed] for seed in (0, 1)]
            scores["uf1"].append(np.mean([plain_uf1(table, one) for one in own]))
            scores["auc"].append(np.mean([plain_auc(table, one) for one in own]))
    assert 150 < len(scores["uf1"]) <= 300
    for name, values in scores.items():
        ends = (found[name].low, found[name].high)
        assert ends == pytest.approx(np.quantile(values, [0.025, 0.975]))


def plain_uf1(table, rows):
    counts = confusion_matrix(table.truth[rows], table.predicted[rows], num_classes=3)
    return float(uf1(counts))


def plain_auc(table, rows):
    truth = table.truth[rows]
    return np.mean([roc_auc_score(truth == i, table.scores[rows, i]) for i in range(3)])


def test_a_score_is_the_mean_over_seeds_and_its_spread_theirs():
    made = outcomes_of(make_table(seeds=(0, 1, 2)))
    values = per_seed_scores(made)
    found = estimate_scores(made, draws=50)
    assert list(values) == list(found)
    for name, of_seeds in values.items():
        assert of_seeds.shape == (3,)
        assert found[name].value == pytest.approx(of_seeds.mean())
        assert found[name].sd == pytest.approx(of_seeds.std(ddof=1))
    assert len(set(values["uf1"])) == 3
    one = estimate_scores(outcomes_of(make_table()), draws=50)
    assert {estimate.sd for estimate in one.values()} == {None}


def test_the_difference_of_two_runs_is_that_of_a_comparison_and_turns_its_sign():
    first, second = make_table(skill=1.5, seeds=(0, 1), corpora=SMALL), make_table(corpora=SMALL)
    known, found = (call(first, second, draws=100) for call in (compare_runs, score_differences))
    assert found["uf1"].value == known.difference
    assert (found["uf1"].low, found["uf1"].high) == (known.interval.low, known.interval.high)
    assert set(found) == set(estimate_scores(outcomes_of(first), draws=9))
    for name, turned in score_differences(second, first, draws=100).items():
        assert turned.value == -found[name].value
        assert (turned.low, turned.high) == pytest.approx((-found[name].high, -found[name].low))
    only = score_differences(first, second, corpus="samm", draws=100)
    parts = [one.of_corpus("samm") for one in (first, second)]
    assert only == score_differences(*parts, draws=100) != found


def test_all_intervals_are_of_2000_draws_from_seed_0():
    first, second = make_table(skill=1.5, corpora=SMALL), make_table(corpora=SMALL)
    told = {"draws": 2000, "seed": 0}
    assert compare_runs(first, second) == compare_runs(first, second, **told)
    assert score_differences(first, second) == score_differences(first, second, **told)
    made = outcomes_of(first)
    assert estimate_scores(made) == estimate_scores(made, **told)


def test_intervals_hold_the_score_and_repeat():
    made = outcomes_of(make_table(seeds=(0, 1, 2)))
    first, again = (estimate_scores(made, seed=1) for _ in range(2))
    assert first == again
    assert first != estimate_scores(made, seed=2)
    for estimate in first.values():
        assert estimate.low < estimate.value < estimate.high <= 1


def test_alike_clips_of_a_subject_make_the_interval_wide():
    """Ten subjects of forty clips who are all right or all wrong are ten observations, not 400."""
    counts = np.zeros((1, 10, 2, 2), dtype=np.int64)
    counts[0, :5, [0, 1], [0, 1]] = 20
    counts[0, 5:, [0, 1], [1, 0]] = 20
    found = estimate_scores(outcomes(counts))["accuracy"]
    assert (found.low, found.high) == pytest.approx((0.2, 0.8), abs=0.01)


def test_draws_without_a_class_are_left_out():
    """UF1 over fewer classes would be another score: those draws would score 1 here."""
    counts = np.zeros((1, 6, 2, 2), dtype=np.int64)
    counts[0, :, 0, 0] = 3
    counts[0, 0, 1, 0] = counts[0, 1, 1, 0] = 2
    assert estimate_scores(outcomes(counts), draws=1000)["uf1"].high < 0.5


@pytest.mark.parametrize(
    ("lacking", "interval"), [(4, False), (3, True)], ids=["half lack it", "most have it"]
)
def test_no_interval_where_half_of_the_draws_lack_a_class(lacking, interval, monkeypatch):
    drawn = np.array([[2, 0]] * lacking + [[1, 1]] * (8 - lacking))
    counts = np.zeros((1, 2, 2, 2), dtype=np.int64)
    counts[0, 0, 0, 0] = counts[0, 1, 1, 1] = 1
    name = "openmer.evaluation._bootstrap._drawn_subjects"
    monkeypatch.setattr(name, lambda *_, **__: drawn)
    found = estimate_scores(outcomes(counts), draws=len(drawn))
    assert (found["uf1"].low is not None) == interval
    assert found["uf1"].value == 1


def test_one_subject_alone_has_no_interval():
    counts = np.ones((2, 1, 2, 2), dtype=np.int64)
    found = estimate_scores(outcomes(counts))
    assert {(one.low, one.high) for one in found.values()} == {(None, None)}
    assert found["accuracy"].value == 0.5
    assert found["accuracy"].sd == 0


def test_two_subjects_have_one():
    counts = np.zeros((1, 2, 2, 2), dtype=np.int64)
    counts[0, :, [0, 1], [0, 1]] = 3
    counts[0, 1, 0, 1] = 1
    assert estimate_scores(outcomes(counts))["uf1"].low is not None


def test_a_class_absent_from_a_part_leaves_no_draw_out():
    counts = np.zeros((1, 4, 3, 3), dtype=np.int64)
    counts[0, :, 0, 0] = counts[0, :, 1, 2] = 2
    found = estimate_scores(outcomes(counts), draws=100)
    assert (found["uar"].low, found["uar"].value, found["uar"].high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1.0] * 9, 2 * 1 / 10),
        ([1.0] * 8 + [-1.0], 2 * 2 / 10),
        ([1.0] * 8 + [0.0], 2 * 2 / 10),
        ([-1.0] * 97 + [1.0] * 2, 2 * 3 / 100),
        ([0.0] * 5, 1.0),
        ([1.0, -1.0], 1.0),
    ],
)
def test_the_bootstrap_p_by_hand(differences, p):
    """Twice the smaller tail, one added to it and to the draws (Davison and Hinkley 1997)."""
    assert _two_sided_p(np.array(differences)) == pytest.approx(p)
    assert _two_sided_p(-np.array(differences)) == pytest.approx(p)


def test_a_comparison_is_that_of_a_plain_loop():
    first, second = make_table(skill=1.5, seeds=(0, 1), corpora=SMALL), make_table(corpora=SMALL)
    found = compare_runs(first, second, draws=200, seed=3)
    ones, others = outcomes_of(first), outcomes_of(second)
    times = np.random.default_rng(3).multinomial(9, np.full(9, 1 / 9), size=200)
    differences = []
    for drawn in times:
        sums = [np.tensordot(drawn, made.counts, axes=(0, 1)) for made in (ones, others)]
        if (sums[0].sum(axis=-1) > 0).all():
            differences.append(uf1(sums[0]).mean() - uf1(sums[1]).mean())
    assert found.draws == len(differences)
    assert (found.interval.low, found.interval.high) == pytest.approx(
        np.quantile(differences, [0.025, 0.975])
    )
    tail = min(np.sum(np.array(differences) <= 0), np.sum(np.array(differences) >= 0))
    assert found.p_value == pytest.approx(min(1, 2 * (tail + 1) / (len(differences) + 1)))
    assert found.uf1_first == pytest.approx(uf1(ones.counts.sum(axis=1)).mean())
    assert found.uf1_second == pytest.approx(uf1(others.counts.sum(axis=1)).mean())


def test_a_better_run_is_found_better():
    better, worse = make_table(skill=1.8), make_table(skill=1.2)
    found = compare_runs(better, worse)
    assert found.difference == found.uf1_first - found.uf1_second > 0
    assert found.interval.low > 0
    assert found.p_value < 0.01
    assert found.mcnemar.only_first > found.mcnemar.only_second
    turned = compare_runs(worse, better)
    assert turned.interval.low == pytest.approx(-found.interval.high)
    assert (turned.p_value, turned.mcnemar.p_value) == (found.p_value, found.mcnemar.p_value)


def test_a_run_does_not_differ_from_itself():
    table = make_table(seeds=(0, 1))
    found = compare_runs(table, table)
    assert (found.difference, found.p_value, found.mcnemar.p_value) == (0, 1, 1)


def test_runs_may_have_different_seeds():
    found = compare_runs(make_table(seeds=(0, 1, 2)), make_table(seeds=(9,)))
    assert found.p_value > 0.05


def test_mcnemar_by_hand():
    first = np.array([True] * 8 + [False] * 2 + [True] * 5)
    second = np.array([False] * 8 + [True] * 2 + [True] * 5)
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second) == (8, 2)
    # Twice the chance of at most 2 of 10: 2 (1 + 10 + 45) / 1024.
    assert found.p_value == pytest.approx(112 / 1024)
    with pytest.raises(DataError, match="15 and 3"):
        mcnemar(first, second[:3])


@pytest.mark.parametrize("compare", [compare_runs, score_differences])
def test_runs_on_different_clips_are_not_compared(compare):
    table = make_table(corpora=SMALL)
    records = make_predictions(corpora=SMALL)
    fewer = PredictionTable.from_predictions(records[1:], CLASSES)
    with pytest.raises(DataError, match="one run lacks it"):
        compare(table, fewer)
    other = dataclasses.replace(records[0], truth=(records[0].truth + 1) % 3)
    relabelled = PredictionTable.from_predictions([other, *records[1:]], CLASSES)
    with pytest.raises(DataError, match=f"differ in {records[0].clip}"):
        compare(table, relabelled)
    renamed = PredictionTable.from_predictions(records, ("a", "b", "c"))
    with pytest.raises(DataError, match="same task"):
        compare(table, renamed)


def test_seeds_on_different_clips_are_no_run():
    records = make_predictions(seeds=(0, 1), corpora=SMALL)
    with pytest.raises(DataError, match=r"lacks 1 of \d+ clips"):
        outcomes_of(PredictionTable.from_predictions(records[1:], CLASSES))


def test_runs_without_a_class_or_a_second_subject_are_not_compared():
    clips = [make_prediction(clip=str(i), truth=i % 3) for i in range(6)]
    for records in (clips, [clip for clip in clips if clip.truth]):
        table = PredictionTable.from_predictions(records, CLASSES)
        with pytest.raises(ProtocolError, match="cannot be compared"):
            compare_runs(table, table)
    alone = [dataclasses.replace(clip, subject_id=str(clip.truth)) for clip in clips]
    table = PredictionTable.from_predictions(alone, CLASSES)
    with pytest.raises(ProtocolError, match="draws lack a class"):
        compare_runs(table, table)


def test_a_clip_is_right_where_more_than_half_of_the_seeds_are():
    first, second = (
        PredictionTable.from_predictions(
            [
                make_prediction(
                    clip=f"casme2/{clip}",
                    subject_id=f"casme2/{clip % 2}",
                    truth=clip % 3,
                    scores=np.eye(3)[clip % 3 if right else (clip + 1) % 3].tolist(),
                    seed=seed,
                )
                for clip in range(6)
                for seed, right in enumerate(rights)
            ],
            CLASSES,
        )
        for rights in ((True, False), (True, True, False))
    )
    found = compare_runs(first, second, draws=20).mcnemar
    assert (found.only_first, found.only_second) == (0, 6)
    assert compare_runs(first, second, draws=20).difference == pytest.approx(0.5 - 2 / 3)


def test_a_paired_t_by_hand():
    # Differences 1 and 3: mean 2, standard deviation root 2, standard error 1.
    found = paired_t_test([2.0, 5.0], [1.0, 2.0])
    assert (found.difference, found.t, found.degrees) == (2, pytest.approx(2), 1)
    # Two sides of Student's t with one degree, a Cauchy: 1 - 2 atan(2) / pi.
    assert found.p_value == pytest.approx(1 - 2 * np.arctan(2) / np.pi)
    larger = paired_t_test([2.0, 5.0], [1.0, 2.0], alternative="greater")
    assert larger.p_value == pytest.approx(found.p_value / 2)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([1.0], [2.0], "1 and 1 numbers cannot be paired"),
        ([1.0, 2.0], [2.0], "2 and 1 numbers cannot be paired"),
        ([1.0, 2.0, 3.0], [0.0, 1.0, 2.0], "All 3 differences are 1"),
        ([0.3, 0.1], [0.1, -0.1], "All 2 differences are 0.2"),  # but for rounding
        ([3e6, 1e6 + 2e-7], [2e6, 0.0], "All 2 differences"),
    ],
)
def test_numbers_without_a_paired_t(first, second, message):
    with pytest.raises(DataError, match=message):
        paired_t_test(first, second)


def test_small_spreads_are_spreads():
    assert paired_t_test([1.0, 1.0 + 1e-9], [0.0, 0.0]).t > 1e6


def test_two_subjects_can_be_compared():
    records = [
        make_prediction(clip=f"{name}/{i}", subject_id=name, truth=i % 3, scores=np.eye(3)[i % 3])
        for name in ("a/1", "a/2")
        for i in range(6)
    ]
    table = PredictionTable.from_predictions(
        [dataclasses.replace(record, scores=tuple(record.scores)) for record in records], CLASSES
    )
    assert compare_runs(table, table, draws=10).draws == 10
    lacking = [
        dataclasses.replace(record, scores=tuple(record.scores))
        for record in records
        if record.truth
    ]
    table = PredictionTable.from_predictions(lacking, CLASSES)
    with pytest.raises(ProtocolError, match=r"over 2 subject\(s\) cannot be compared"):
        compare_runs(table, table)
