"""Intervals by subjects and paired comparisons, against slow versions and known answers."""

import dataclasses

import numpy as np
import pytest
from tests.evaluation.made_up_runs import CLASSES, make_prediction, make_predictions, make_table

from openmer.errors import DataError, ProtocolError
from openmer.evaluation import PredictionTable, compare_runs, unweighted_f1
from openmer.evaluation._bootstrap import bootstrap_intervals, mcnemar, subject_confusions

SMALL = {"casme2": (5, (20, 12, 12)), "samm": (4, (14, 10, 9))}


def test_matrices_of_subjects_add_up_to_the_pooled_one():
    table = make_table(seeds=(0, 1), corpora=SMALL)
    subjects, counts = subject_confusions(table)
    assert counts.shape == (2, 9, 3, 3)
    assert subjects == tuple(sorted(set(table.subjects)))
    for i, seed in enumerate((0, 1)):
        rows = table.seed == seed
        for j, subject_id in enumerate(subjects):
            here = rows & (np.array(table.subjects) == subject_id)
            expected = np.zeros((3, 3))
            np.add.at(expected, (table.truth[here], table.predicted[here]), 1)
            assert (counts[i, j] == expected).all()


def test_the_interval_is_that_of_a_plain_loop_over_drawn_subjects():
    table = make_table(corpora=SMALL)
    subjects, counts = subject_confusions(table)
    found = bootstrap_intervals(counts, draws=300, seed=4)
    rows = [np.flatnonzero(np.array(table.subjects) == subject_id) for subject_id in subjects]
    times = np.random.default_rng(4).multinomial(9, np.full(9, 1 / 9), size=300)
    scores = []
    for drawn in times:
        clips = np.concatenate([np.tile(rows[i], n) for i, n in enumerate(drawn)])
        if len(set(table.truth[clips])) == 3:
            scores.append(unweighted_f1(table.truth[clips], table.predicted[clips], num_classes=3))
    assert found.draws == len(scores)
    assert (found.uf1.low, found.uf1.high) == pytest.approx(np.quantile(scores, [0.025, 0.975]))


def test_intervals_hold_the_score_and_repeat():
    _, counts = subject_confusions(make_table(seeds=(0, 1, 2)))
    first, again = (bootstrap_intervals(counts, seed=1) for _ in range(2))
    assert first == again
    assert first != bootstrap_intervals(counts, seed=2)
    pooled = counts.sum(axis=(0, 1))
    accuracy = np.trace(pooled) / pooled.sum()
    assert 0 <= first.accuracy.low < accuracy < first.accuracy.high <= 1
    assert (first.draws, first.left_out) == (2000, 0)


def test_alike_clips_of_a_subject_make_the_interval_wide():
    """Ten subjects of forty clips who are all right or all wrong are ten observations, not 400."""
    counts = np.zeros((1, 10, 2, 2), dtype=np.int64)
    counts[0, :5, [0, 1], [0, 1]] = 20
    counts[0, 5:, [0, 1], [1, 0]] = 20
    found = bootstrap_intervals(counts).accuracy
    assert (found.low, found.high) == pytest.approx((0.2, 0.8), abs=0.01)


def test_draws_without_a_class_are_left_out_and_counted():
    counts = np.zeros((1, 6, 2, 2), dtype=np.int64)
    counts[0, :, 0, 0] = 3
    counts[0, 0, 1, 1] = counts[0, 1, 1, 0] = 2
    found = bootstrap_intervals(counts, draws=1000)
    share = (1 - 2 / 6) ** 6
    assert found.left_out == pytest.approx(1000 * share, abs=60)
    assert found.draws + found.left_out == 1000


def test_no_interval_where_it_would_say_nothing():
    one_subject = np.ones((1, 1, 2, 2), dtype=np.int64)
    assert bootstrap_intervals(one_subject) is None
    rare = np.zeros((1, 2, 3, 3), dtype=np.int64)
    rare[0, 0, 0, 0] = rare[0, 0, 1, 1] = rare[0, 1, 2, 2] = 1
    assert bootstrap_intervals(rare) is None or bootstrap_intervals(rare).draws > 1000


def test_a_class_absent_from_a_part_leaves_no_draw_out():
    counts = np.zeros((1, 4, 3, 3), dtype=np.int64)
    counts[0, :, 0, 0] = counts[0, :, 1, 2] = 2
    found = bootstrap_intervals(counts, draws=100)
    assert found.draws == 100
    assert found.uf1 == found.uar


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


def test_runs_on_different_clips_are_not_compared():
    table = make_table(corpora=SMALL)
    records = make_predictions(corpora=SMALL)
    fewer = PredictionTable.from_predictions(records[1:], CLASSES)
    with pytest.raises(DataError, match="one run lacks it"):
        compare_runs(table, fewer)
    other = dataclasses.replace(records[0], truth=(records[0].truth + 1) % 3)
    relabelled = PredictionTable.from_predictions([other, *records[1:]], CLASSES)
    with pytest.raises(DataError, match=f"differ in {records[0].clip}"):
        compare_runs(table, relabelled)
    renamed = PredictionTable.from_predictions(records, ("a", "b", "c"))
    with pytest.raises(DataError, match="same task"):
        compare_runs(table, renamed)


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
