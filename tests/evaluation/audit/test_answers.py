"""Answers that were not learned are noted, and functions that are not the package's own told."""

import functools
import runpy

import lazy_loader
import numpy as np
import pytest
from tests.builders import make_task

import openmer
from openmer.evaluation import AuditRecord, _metrics, _protocols
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


@pytest.mark.parametrize("named", ["<string>", _metrics.__file__])
def test_a_function_of_a_text_is_that_of_others_whatever_file_it_names(monkeypatch, named):
    told = {}
    exec(compile("def uf1(counts): return 1.0", named, "exec"), told)
    monkeypatch.setattr(_metrics, "uf1", told["uf1"])
    (found,) = check_code()
    assert "openmer.evaluation._metrics.uf1 is not that of its module" in found.message


def test_a_method_that_is_no_function_any_more_is_found(monkeypatch):
    monkeypatch.setattr(AuditRecord, "to_json", functools.partial(dict))
    monkeypatch.setattr(_metrics.uar, "__code__", (lambda counts: 1.0).__code__)
    (found,) = check_code()
    assert "_audit_stamp.AuditRecord.to_json is not that" in found.message
    assert "_metrics.uar is " in found.message


def test_looking_at_functions_loads_no_library_that_waits(tmp_path, monkeypatch):
    (tmp_path / "late_library.py").write_text("raise RuntimeError('It was loaded.')")
    monkeypatch.syspath_prepend(tmp_path)
    late = lazy_loader.load("late_library")
    monkeypatch.setattr(_protocols, "late", late, raising=False)
    assert check_code() == []
    with pytest.raises(RuntimeError, match="It was loaded"):
        _ = late.anything


def test_libraries_may_lie_anywhere_that_an_installer_puts_them(tmp_path, monkeypatch):
    for folder in ("site-packages", "target/sound", "own", "target/own"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "made.py").write_text("def made(*_): return True")
    (tmp_path / "target/sound-1.dist-info").mkdir()
    (tmp_path / "target/sound-1.dist-info/RECORD").write_text("sound/made.py,sha256=a,25\n")
    for folder in ("site-packages", "target", "own"):
        monkeypatch.syspath_prepend(str(tmp_path / folder))

    def replaced_by(folder):
        made = runpy.run_path(str(tmp_path / folder / "made.py"))["made"]
        monkeypatch.setattr(np, "array_equal", made)
        return [finding.severity for finding in check_code()]

    assert replaced_by("site-packages") == replaced_by("target/sound") == []
    assert replaced_by("own") == replaced_by("target/own") == ["leak"]


def test_a_package_that_is_imported_by_a_link_is_the_same(tmp_path, monkeypatch):
    (tmp_path / "linked").symlink_to(openmer.__path__[0])
    monkeypatch.setattr(openmer, "__file__", str(tmp_path / "linked" / "__init__.py"))
    assert check_code() == []
