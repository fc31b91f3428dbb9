"""The figure shows the bins as they are, and how sure each is."""

import struct
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from tests.evaluation.made_up_runs import make_table

from openmer.evaluation import calibrate
from openmer.evaluation._calibration import calibrated_by_others, quality_of
from openmer.reports._reliability import draw_reliability, reliability_bins


@pytest.fixture(scope="module")
def made():
    table = make_table()
    return calibrate(table, "svm"), calibrated_by_others(table, "svm")


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
    report = calibrate(nothing, "svm")
    assert report.accuracy is None
    assert draw_reliability("Nothing", report, calibrated_by_others(nothing, "svm"))
