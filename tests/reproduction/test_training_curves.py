"""Curves of a training: one value per epoch and group, of subjects who decide nothing."""

import csv
import io

import numpy as np
import pytest
from PIL import Image as Picture
from tests.builders import make_task

from openmer.errors import ConfigError, DataError
from openmer.reproduction import curves_csv, draw_curves, training_curve
from openmer.training import Resources

CPU = Resources(device="cpu")
SUBJECT = "demo/s3"


@pytest.fixture(scope="module")
def curve():
    return training_curve("plain", make_task(), SUBJECT, resources=CPU)


def test_a_curve_has_a_value_per_epoch_and_group(curve):
    assert len(curve.training) == len(curve.others) == len(curve.losses) == 3
    assert all(0 <= value <= 1 for value in (*curve.training, *curve.others, curve.chance))
    task = make_task()
    (fold,) = (fold for fold in task.folds if fold.held_out == SUBJECT)
    assert curve.clips + curve.other_clips == len(fold.train)


def test_the_held_out_subject_is_in_neither_group(curve):
    task = make_task()
    (fold,) = (fold for fold in task.folds if fold.held_out == SUBJECT)
    task.data.inputs[list(fold.test)] = 1e3
    assert training_curve("plain", task, SUBJECT, resources=CPU) == curve


def test_what_a_search_chooses_does_not_see_the_other_subjects():
    task = make_task(overrides=("search.inner_folds=2", "search.space={'training.epochs' = [2]}"))
    found = training_curve("searched", task, SUBJECT, resources=CPU)
    assert len(found.losses) == 2


def test_numbers_and_picture(curve):
    rows = list(csv.DictReader(io.StringIO(curves_csv([curve, curve]))))
    assert len(rows) == 6 and rows[2]["epoch"] == "3"
    assert float(rows[2]["others"]) == pytest.approx(curve.others[-1], abs=1e-6)
    png = draw_curves("Curves", [curve, curve])
    assert png == draw_curves("Curves", [curve, curve])
    assert np.asarray(Picture.open(io.BytesIO(png))).std() > 1


def test_what_has_no_curve_is_refused():
    with pytest.raises(ConfigError, match="trains no network"):
        training_curve("svm", make_task("flow-svm"), SUBJECT, resources=CPU)
    with pytest.raises(DataError, match=r"no clip of demo/s99.*demo/s1"):
        training_curve("plain", make_task(), "demo/s99", resources=CPU)
