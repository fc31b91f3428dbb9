"""The study of magnification: its rows change one thing each, and say what the band really does."""

from collections import Counter

import pytest
from tests.evaluation.made_up_runs import make_run

from openmer.errors import ConfigError
from openmer.methods import load_method
from openmer.preprocessing.steps.magnify import MagnifyStep
from openmer.reproduction import Changes, load_study, row_method, study_table
from openmer.reproduction._run_study import StudyResult
from openmer.reproduction._study import StudyRow

STUDY = load_study("dense-attention/magnification")


def magnify_of(method):
    return method.steps.find(MagnifyStep)


def test_rows_sweep_alpha_and_band_of_the_methods_own_step():
    own = magnify_of(row_method(STUDY, StudyRow(label="own")))
    rows = [row for row in STUDY.rows if not row.label.startswith("as stated, ")]
    steps = [magnify_of(row_method(STUDY, row)) for row in rows]
    assert steps[0] is None and all(steps[1:])
    by_band = Counter(step.band_hz for step in steps[1:])
    assert by_band[(0.1, 0.4)] == 4 and len(by_band) >= 3
    stated = [step.alpha for step in steps[1:] if step.band_hz == (0.1, 0.4)]
    assert stated == [5, 10, 15, 30]
    assert own in steps, "one row is the method as it is"
    for step in steps[1:]:
        same = step.model_copy(update={"alpha": own.alpha, "band_hz": own.band_hz})
        if step.band_hz != own.band_hz:
            assert step.filter == "butterworth", "its edges keep the other bands apart"
            same = same.model_copy(update={"filter": own.filter})
        assert same == own, "nothing else changes"


def test_the_row_without_magnification_keeps_the_other_steps():
    names = [step.step for step in row_method(STUDY, STUDY.rows[0]).recipe.steps]
    assert names == ["align", "apex_frame"]
    sized = row_method(STUDY, STUDY.rows[0], Changes(overrides=("recipe.2.size=64",)))
    assert sized.steps.size == 64, "an override counts the steps of the method"


def test_a_step_that_is_not_there_cannot_be_left_out():
    row = StudyRow(label="x", without=("magnifi",))
    with pytest.raises(ConfigError, match="Did you mean 'magnify'"):
        row_method(STUDY, row)


def test_a_row_says_for_how_many_clips_the_band_holds_a_bin():
    ways = {"the band holds bins": 7, "the band holds no bin of the clip": 435}
    magnified = make_run(prepared={"magnify": ways, "apex": {"annotated": 442}})
    results = [
        StudyResult(row=STUDY.rows[0], honest=make_run()),
        StudyResult(row=STUDY.rows[3], honest=magnified, times=3.14),
        StudyResult(row=STUDY.rows[4], why_not="needs weights"),
    ]
    table = study_table(STUDY, results)
    held = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [cells["clips with a bin in the band"] for cells in held] == ["-", "7 of 442", "-"]
    assert held[1]["a movement becomes"] == "3.1 times as large"
    assert not any("printed" in column for column in table.columns)


def test_it_prints_nothing_so_that_a_leak_has_nothing_to_explain():
    assert not STUDY.prints and load_study("dense-attention/composite").prints


def test_two_rows_magnify_all_frames_and_one_before_the_crop():
    rows = [row for row in STUDY.rows if row.label.startswith("as stated, ")]
    methods = [row_method(STUDY, row) for row in rows]
    assert [magnify_of(method).frames for method in methods] == ["all", "all"]
    orders = [[step.step for step in method.recipe.steps] for method in methods]
    assert orders == [["align", "magnify", "apex_frame"], ["magnify", "align", "apex_frame"]]
    published = load_method("dense-attention-paper").recipe
    assert methods[1].recipe == published, "the last row is what the paper states"
