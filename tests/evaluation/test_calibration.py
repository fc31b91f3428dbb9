"""A temperature is fitted on other subjects, and its worth is measured on those."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.made_up_runs import make_table, write_run

from openmer.errors import ConfigError, DataError, ProtocolError
from openmer.evaluation import (
    calibrate,
    confidence_bins,
    kind_of_scores,
    logits_of,
    probabilities_at,
    read_run_info,
)
from openmer.evaluation._abstention import TARGET
from openmer.evaluation._calibration import (
    COLDEST,
    HOTTEST,
    fit_class_temperatures,
    fit_temperature,
    quality_of,
)

SEEDS = st.integers(0, 10_000)


def drawn(seed, clips=80, classes=3):
    """Logits, and classes that are drawn from their own softmax: T is 1 but for chance."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (clips, classes))
    shares = probabilities_at(logits, 1.0)
    return logits, (rng.random((clips, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(max=2)


def test_the_temperature_that_made_the_classes_is_found():
    logits, truth = drawn(0, clips=20_000)
    assert fit_temperature(3 * logits, truth) == pytest.approx(3, rel=0.05)


@given(seed=SEEDS, factor=st.floats(0.3, 3))
def test_logits_times_a_number_have_that_times_the_temperature(seed, factor):
    logits, truth = drawn(seed)
    assert fit_temperature(factor * logits, truth) == pytest.approx(
        factor * fit_temperature(logits, truth), rel=1e-6
    )


@given(seed=SEEDS)
def test_no_other_temperature_is_better(seed):
    logits, truth = drawn(seed)
    found = fit_temperature(logits, truth)
    best = quality_of(probabilities_at(logits, found), truth).nll
    for other in np.geomspace(COLDEST, HOTTEST, 40):
        assert best <= quality_of(probabilities_at(logits, other), truth).nll + 1e-12


@given(seed=SEEDS, temperature=st.floats(COLDEST, HOTTEST))
def test_a_temperature_changes_no_order_and_keeps_sums(seed, temperature):
    logits, _ = drawn(seed)
    found = probabilities_at(logits, temperature)
    assert np.allclose(found.sum(axis=1), 1)
    assert np.array_equal(found.argmax(axis=1), logits.argmax(axis=1))


@given(seed=SEEDS)
def test_probabilities_of_a_network_are_their_own_softmax_at_one(seed):
    shares = probabilities_at(drawn(seed)[0], 1.0)
    assert np.allclose(probabilities_at(logits_of(shares, "network"), 1.0), shares)


def test_the_ends_of_the_range():
    logits = np.eye(3)[[0, 1, 2, 0]]
    assert fit_temperature(logits, np.array([0, 1, 2, 0])) == COLDEST
    assert fit_temperature(logits, np.array([1, 2, 0, 1])) == HOTTEST
    assert fit_temperature(np.zeros((4, 3)), np.array([0, 1, 2, 0])) == HOTTEST
    certain = logits_of(np.array([[1.0, 0.0, 0.0]]), "network")
    assert np.isfinite(probabilities_at(certain, COLDEST)).all()


def test_errors_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.35, 0.65], [0.2, 0.8]])
    found = quality_of(probabilities, np.array([0, 1, 1, 1]))
    # Bins (0.8, 0.9]: 0.1 off; (0.5, 0.6]: 0.6; (0.6, 0.7]: 0.35; (0.7, 0.8]: 0.2.
    assert found.ece == pytest.approx((0.1 + 0.6 + 0.35 + 0.2) / 4)
    assert found.brier == pytest.approx(2 * (0.01 + 0.36 + 0.35**2 + 0.04) / 4)
    assert found.nll == pytest.approx(-np.log([0.9, 0.4, 0.65, 0.8]).mean())
    assert quality_of(np.eye(3), np.arange(3)).ece == 0
    assert confidence_bins(np.array([0.05, 0.1, 0.11, 1.0])).tolist() == [0, 0, 1, 9]


def test_what_a_subject_shows_has_no_part_in_that_subjects_own_confidence():
    table = make_table(seeds=(0, 1))
    subject_id = np.array(table.subjects) == "samm/s03"
    other_truth = np.where(subject_id, (table.truth + 1) % 3, table.truth)
    _, changed = calibrate(replace(table, truth=other_truth), "svm")
    _, found = calibrate(table, "svm")
    assert subject_id.any()
    assert np.array_equal(found.after[subject_id], changed.after[subject_id])
    assert np.array_equal(found.answered[subject_id], changed.answered[subject_id])
    assert not np.array_equal(found.after[~subject_id], changed.after[~subject_id])


def test_each_class_gets_the_temperature_of_its_own_answers():
    logits, truth = drawn(0, clips=20_000)
    said = logits.argmax(axis=1)
    made = np.array([2.0, 0.5, 1.0])
    found = fit_class_temperatures(logits * made[said][:, None], truth)
    assert found == pytest.approx(tuple(made), rel=0.1)
    shares = probabilities_at(logits * made[said][:, None], made.tolist())
    assert np.allclose(shares, probabilities_at(logits, 1.0))
    few = logits[:40], np.where(said[:40] == 1, 1, truth[:40])
    rare = np.flatnonzero(said[:40] == 1)[:9]
    kept = np.sort(np.concatenate([np.flatnonzero(said[:40] != 1), rare]))
    found = fit_class_temperatures(few[0][kept], few[1][kept])
    assert found[1] == fit_temperature(few[0][kept], few[1][kept])


def test_a_corpus_is_calibrated_by_nothing_but_what_lies_inside_the_others():
    table = make_table()
    corpora = np.array(table.corpora)
    inside = {one: table.at(np.flatnonzero(corpora != one)) for one in set(table.corpora)}
    one = sorted(inside)[0]
    changed = {**inside, one: replace(inside[one], truth=(inside[one].truth + 1) % 3)}
    first, other = (
        calibrate(table, "svm", by_class=True, inside=each)[1] for each in (inside, changed)
    )
    own = corpora == one
    assert not np.array_equal(first.after[own], other.after[own])
    assert np.array_equal(first.after[~own], other.after[~own])
    report, _ = calibrate(table, "svm", by_class=True, inside=inside)
    assert (report.held_out, len(report.class_temperatures)) == ("corpus", 3)
    logits = table.scores[0]
    heat = report.class_temperatures[int(logits.argmax())]
    expected = probabilities_at(logits, heat).tolist()
    assert report.probabilities(logits.tolist(), "svm") == pytest.approx(expected)


def test_calibration_helps_scores_that_sound_too_sure():
    table = make_table()
    sure = replace(table, scores=probabilities_at(table.scores, 0.2))
    report, _ = calibrate(sure, "network")
    assert report.temperature > 2
    assert report.after.nll < report.before.nll
    assert report.after.ece < report.before.ece
    assert report.after.brier < report.before.brier
    assert (report.subjects, report.clips, report.seeds) == (68, 442, (0,))
    assert report.target == TARGET
    assert 0 < report.coverage < 1
    assert report.accuracy == pytest.approx(TARGET, abs=0.06)


def test_scores_that_say_nothing_are_answered_by_nothing():
    table = make_table()
    report, _ = calibrate(replace(table, scores=np.full_like(table.scores, 1 / 3)), "network")
    assert report.temperature == HOTTEST
    assert (report.coverage, report.accuracy, report.target) == (0.0, None, None)
    assert report.abstain_below == 0.5


@pytest.mark.parametrize(
    ("training", "kind"),
    [
        ({"kind": "svm"}, "svm"),
        ({"kind": "network", "classifier": "svm"}, "svm"),
        ({"kind": "network", "classifier": "head"}, "network"),
        ({}, "network"),
    ],
)
def test_the_method_says_what_its_scores_are(tmp_path, training, kind):
    folder = write_run(tmp_path / "run", method_table={"name": "x", "training": training})
    assert kind_of_scores(read_run_info(folder)) == kind


def test_what_cannot_be_calibrated_is_one_clear_error():
    table = make_table()
    with pytest.raises(DataError, match=r"kind='svm' for decision values"):
        calibrate(table, "network")
    with pytest.raises(DataError, match="finite"):
        logits_of(np.array([np.nan, 1.0]), "svm")
    with pytest.raises(DataError, match="0 rows of scores"):
        fit_temperature(np.empty((0, 3)), np.empty(0, np.int64))
    with pytest.raises(ProtocolError, match="One subject alone"):
        calibrate(make_table(corpora={"samm": (1, (3, 3, 3))}), "svm")
    with pytest.raises(ConfigError, match="above 0, at most 1"):
        calibrate(table, "svm", target=1.5)


def test_it_needs_no_pytorch():
    code = (
        "import sys, openmer.evaluation._calibration\n"
        "print(*sorted({'torch', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []
