"""Answers that were not learned are noted, and functions that are not the package's own told."""

import numpy as np
import pytest
from tests.builders import make_task

from openmer.evaluation import _metrics
from openmer.evaluation.audit._answers import check_answers
from openmer.evaluation.audit._own_code import check_code
from openmer.evaluation.audit._recording import Recorder
from openmer.evaluation.audit._trainings import trial_of
from openmer.training import FitResult


def found_of(answer, folds=None):
    """Check a trainer that answers with classes; return what is noted, and its jobs."""
    task, asked = make_task(), []

    def fit(data, jobs):
        asked.append(jobs)
        return [
            FitResult(
                job=job, scores=np.eye(4, dtype=np.float32)[answer(task, data, list(job.predict))],
                epoch=0, losses=(), weights_sha256="",
            )
            for job in jobs
        ]  # fmt: skip

    with Recorder() as recorder:
        trials = [trial_of(task, fit, fold, "fixed", recorder) for fold in task.folds[:folds]]
        return check_answers(task, trials), asked


def known(task, data, clips):
    return task.data.targets[clips]


def test_a_method_that_knows_the_truth_after_wrong_training_is_noted():
    (note,), asked = found_of(known)
    assert (note.check, note.severity) == ("answers", "note")
    assert "gives 21 of 21 held-out clips their true class" in note.message
    # One training of each fold, without another before it, of as many folds as are needed.
    assert [len(jobs) for jobs in asked] == [1] * 6


@pytest.mark.parametrize(
    "answer",
    [
        lambda task, data, clips: data.targets[clips],
        lambda task, data, clips: np.zeros(len(clips), np.int64),
        lambda task, data, clips: np.arange(len(clips)) % 3,
    ],
)
def test_what_is_learned_and_what_is_guessed_is_not_noted(answer):
    assert found_of(answer)[0] == []


def test_too_few_clips_to_tell_it_from_chance_are_not_trained_on():
    assert found_of(known, folds=1) == ([], [])


def test_own_functions_are_told_from_those_of_others(monkeypatch):
    assert check_code() == []
    monkeypatch.setattr(_metrics, "uf1", lambda counts: 1.0)
    monkeypatch.setattr(np, "array_equal", lambda *_: True)
    (found,) = check_code()
    assert found.severity == "leak" and found.message.startswith("2 functions")
    assert "openmer.evaluation._metrics.uf1 is that of " in found.message
    assert "numpy.array_equal is that of " in found.message
