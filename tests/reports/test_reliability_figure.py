"""The figure shows the bins as they are, and how sure each is."""

import importlib.util
import struct
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.made_up_runs import make_table, write_run
from tests.evaluation.test_calibration import drawn

from openmer.errors import DataError, ProtocolError
from openmer.evaluation import calibrate, probabilities_at
from openmer.evaluation._abstention import answered, choose_threshold
from openmer.evaluation._calibration import quality_of

_FILE = Path(__file__).parents[2] / "benchmarks" / "reliability.py"
_SPEC = importlib.util.spec_from_file_location("reliability", _FILE)
reliability = sys.modules["reliability"] = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(reliability)
draw_reliability, reliability_bins = reliability.draw_reliability, reliability.reliability_bins
coverage_curve = reliability.coverage_curve
predictions_to_calibrate = reliability.predictions_to_calibrate
SEEDS = st.integers(0, 10_000)


@pytest.fixture(scope="module")
def made():
    table = make_table()
    return calibrate(table, "svm")


def test_the_bins_hold_every_row_and_make_the_calibration_error(made):
    _, found = made
    bins = reliability_bins(found.after, found, draws=50)
    assert sum(one.rows for one in bins) == len(found.truth)
    gaps = sum(one.rows * abs(one.confidence - one.accuracy) for one in bins) / len(found.truth)
    assert gaps == pytest.approx(quality_of(found.after, found.truth).ece)
    assert all(one.low < one.confidence <= one.high for one in bins)


def test_an_interval_is_by_subjects(made):
    _, found = made
    bins = reliability_bins(found.after, found)
    assert all(one.interval.low <= one.accuracy <= one.interval.high for one in bins)
    one_subject = replace(found, subjects=("a",) * len(found.truth))
    assert {(one.subjects, one.interval) for one in reliability_bins(found.after, one_subject)} == {
        (1, None)
    }
    apart = replace(found, subjects=tuple(map(str, range(len(found.truth)))))
    widest = max(bins, key=lambda one: one.rows / one.subjects)
    same = next(one for one in reliability_bins(found.after, apart) if one.low == widest.low)
    width = widest.interval.high - widest.interval.low
    assert same.interval.high - same.interval.low < width


def test_the_picture_is_the_same_twice_and_another_for_other_numbers(made):
    report, found = made
    picture = draw_reliability("A title", report, found)
    assert picture == draw_reliability("A title", report, found)
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", picture[16:24])
    assert width > 2 * height > 1000
    assert picture != draw_reliability("A title", report, replace(found, after=found.before))


def test_the_drawing_is_svg_of_the_same_bytes(made):
    report, found = made
    drawing = draw_reliability("A title", report, found, form="svg")
    assert ElementTree.fromstring(drawing).tag.endswith("svg")
    assert drawing == draw_reliability("A title", report, found, form="svg")
    assert b"<dc:date>" not in drawing


def test_nothing_answered_is_drawn_too():
    table = make_table()
    nothing = replace(table, scores=np.zeros_like(table.scores))
    report, found = calibrate(nothing, "svm")
    assert report.accuracy is None
    assert draw_reliability("Nothing", report, found)


@given(seed=SEEDS, target=st.floats(0.3, 1), seeds=st.integers(1, 3))
def test_the_threshold_is_the_smallest_one_that_surely_reaches_the_target(seed, target, seeds):
    logits, truth = drawn(seed)
    shares = probabilities_at(logits, 1.0)
    found = choose_threshold(shares, truth, target, seeds=seeds)
    asked = [step / 100 for step in range(50, 100)]
    curve = [one for one in coverage_curve(shares, truth, asked) if one.coverage >= 0.1]

    def error_of(one):
        return (one.accuracy * (1 - one.accuracy) / (one.coverage * len(truth) / seeds)) ** 0.5

    good = [one for one in curve if one.accuracy - error_of(one) >= target]
    assert found == (good[0].confidence if good else None)


@given(seed=SEEDS)
def test_a_higher_threshold_answers_no_more(seed):
    logits, truth = drawn(seed)
    curve = coverage_curve(probabilities_at(logits, 1.0), truth, [0, 0.3, 0.5, 0.7, 0.9, 1.0])
    coverage = [one.coverage for one in curve]
    assert coverage[0] == 1
    assert coverage == sorted(coverage, reverse=True)


def test_a_curve_by_hand():
    shares = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6]])
    truth = np.array([0, 1, 1])
    first, second, none = coverage_curve(shares, truth, [0.5, 0.7, 0.95])
    assert (first.coverage, first.accuracy) == (1, pytest.approx(2 / 3))
    assert first.uf1 == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert (second.coverage, second.accuracy) == (pytest.approx(2 / 3), 0.5)
    assert (none.coverage, none.accuracy, none.uf1) == (0, None, None)
    assert answered(shares, 0.7).tolist() == [True, True, False]


def test_a_run_is_calibrated_only_where_it_is_honest(tmp_path):
    folder = write_run(tmp_path / "honest")
    table, kind = predictions_to_calibrate(folder)
    assert (len(table), kind) == (442, "network")
    leaky = write_run(tmp_path / "leaky", epoch_rule="held_out", leaky=True)
    with pytest.raises(ProtocolError, match=r"leaky is leaky.*fixed or inner"):
        predictions_to_calibrate(leaky)
    shuffled = write_run(tmp_path / "shuffled", shuffled_labels=True)
    with pytest.raises(ProtocolError, match="shuffled labels"):
        predictions_to_calibrate(shuffled)
    with pytest.raises(DataError, match="finished run"):
        predictions_to_calibrate(tmp_path)
