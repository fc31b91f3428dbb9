"""Warnings beside the scores: what makes them worth less than they look."""

from dataclasses import replace

import numpy as np
import pytest
from tests.builders import make_clip, make_data, make_task
from tests.evaluation.made_up_runs import CLASSES, make_run, make_table

from openmer.evaluation import summarise, warnings_of
from openmer.reports._markdown import render_markdown


def run_with(answers, **changes):
    """A run that answers what `answers(truth, rng)` says."""
    table = make_table()
    chosen = answers(table.truth, np.random.default_rng(0))
    summary = summarise(replace(table, scores=np.eye(3)[chosen]), CLASSES, draws=200)
    info, _ = make_run(draws=1, **changes)
    return info, summary


def test_a_sound_run_has_no_warning():
    assert warnings_of(*make_run()) == ()


@pytest.mark.parametrize(("share", "said"), [(1.0, True), (0.95, True), (0.7, False)])
def test_one_class_with_nearly_all_answers_is_told(share, said):
    def answers(truth, rng):
        return np.where(rng.random(len(truth)) < share, 0, truth)

    found = " ".join(warnings_of(*run_with(answers)))
    assert ("of the answers are 'negative'" in found) == said


@pytest.mark.parametrize("shares", [(1 / 3, 1 / 3, 1 / 3), (0.8, 0.1, 0.1), (0.0, 0.0, 1.0)])
def test_answers_without_the_face_are_told_as_chance(shares):
    run = run_with(lambda truth, rng: rng.choice(3, size=len(truth), p=shares))
    found = " ".join(warnings_of(*run))
    assert "UAR" in found and "UF1" in found and "is not told apart from chance" in found
    assert "0.333" in found
    shuffled = run[0].model_copy(update={"shuffled_labels": True})
    assert "chance" not in " ".join(warnings_of(shuffled, run[1]))


def test_clips_without_motion_are_told_above_one_in_twenty():
    info, summary = make_run(motionless=442 // 20)
    assert not warnings_of(info, summary)
    (found,) = warnings_of(info.model_copy(update={"motionless": 442 // 20 + 1}), summary)
    assert "23 of 442 clips show no motion" in found


def test_motionless_clips_are_those_of_one_flow_or_one_frame():
    data = make_data(clips=18)
    data.inputs[:4, :2] = 7.0
    data.inputs[4, 0] = 7.0
    task = make_task("flow-mlp", data=data)
    assert task.motionless == 4
    still = make_clip(name="still", onset=3, apex=3)
    assert replace(task, clips=(*task.clips[:17], still)).motionless == 5


def test_what_was_lost_is_told_and_shown_with_the_scores():
    failure = {"clip": "smic/s01/a", "step": "align", "reason": "no face"}
    run = make_run(failures=(failure,), lost_subjects=("smic/s01",))
    (found,) = warnings_of(*run)
    assert "1 of 443 clips could not be prepared: 1 at the step 'align'" in found
    assert "in no score: smic/s01" in found
    assert "could not be prepared" in render_markdown([run])
