"""The poison test: nothing about a held-out subject may change a bit of their fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from openmer.evaluation._audit_stamp import Finding
from openmer.evaluation._experiment import Progress, Task
from openmer.evaluation._splits import Fold
from openmer.evaluation.audit._answers import check_answers
from openmer.evaluation.audit._finding import leak_of
from openmer.evaluation.audit._fresh import fresh_outcome
from openmer.evaluation.audit._recording import Recorder, allowed_roots, check_recorded
from openmer.evaluation.audit._scores import (
    Change,
    close,
    difference_of_scores,
    everything,
    filled,
    same_scores,
)
from openmer.evaluation.audit._trainings import Budget, FitFolds, Trial, chosen_folds, trial_of
from openmer.training import EpochRule, FitResult, FloatArray, Setting, TrainingData

_LATE = 3  # trainings that come before a fold which is compared with one of a fresh process
_TESTS = 4  # trainings of a fold: as it is, other labels, other clips, NaN
_CLIPS_CHANGE = "when the held-out subject's clips change"


def poison_test(
    task: Task,
    fit: FitFolds,
    *,
    epoch_rule: EpochRule,
    subjects: int = 3,
    fresh: bool = True,
    budget: Budget | None = None,
    on_progress: Progress | None = None,
) -> list[Finding]:
    """Train folds again without their held-out subject's data, and compare every bit.

    Each fold is trained after another one, in one call, so that anything handed on from fold to
    fold shows. Of the held-out subject first the labels are rotated: nothing may change, scores
    included. Then clips are replaced by noise, change places and order: the fold's weights, losses
    and epoch must come out the same to the last bit, and a clip that is still there must have its
    score. Then all are NaN, which not even a weight of zero hides. One fold is also trained alone
    in a fresh process that never had the held-out subject's clips, whatever else lies in memory
    here. What trainings read beside the arrays is recorded.

    Args:
        task: The method and its data.
        fit: What trains the folds.
        epoch_rule: The rule to prove.
        subjects: How many held-out subjects, or groups of them, to poison; 0 means all.
        fresh: Whether a fold is also trained in a fresh process, which takes seconds to start.
        budget: How long this may take; None is as long as it does.
        on_progress: Called with "audit", trainings done and trainings in all.
    """
    folds, budget = chosen_folds(task.folds, subjects), budget or Budget()
    report = on_progress or (lambda *_: None)
    findings: list[Finding] = []
    with Recorder() as recorder:
        trials = [trial_of(task, fit, fold, epoch_rule, recorder) for fold in folds]
        # Before anything else is trained here: what this process would hand on is not there yet.
        change = everything(task.data, folds[0], np.float32(1))
        job = replace(trials[0].job, predict=change.predict)
        alone = fresh_outcome(fit, change.data, job, recorder) if fresh else None
        for number, trial in enumerate(trials):
            if not budget.allows_another():
                break
            on_step = partial(_tell, report, number * _TESTS, len(trials) * _TESTS)
            findings += _check_fold(task, trial, on_step)
            budget.folds += 1
        if alone is not None:
            findings += _check_fresh(task, trials[0], alone, change)
        if not any(finding.severity == "leak" for finding in findings):
            findings += check_answers(task, trials[: budget.folds])
    return findings + check_recorded(recorder.calls, allowed_roots(task))


def _tell(report: Progress, before: int, total: int, step: int) -> None:
    report("audit", before + step, total)


def _check_fold(task: Task, trial: Trial, on_step: Callable[[int], None]) -> list[Finding]:
    """Report the first thing that the held-out subject changes; go on after what is declared."""
    clean = trial.outcome(task.data)
    on_step(1)
    if isinstance(clean, str):
        return [leak_of("poison test", trial.fold, f"cannot be trained at all: {clean}")]
    findings: list[Finding] = []
    for step, test in enumerate((_labels_test, _clips_test, _nan_test), start=2):
        findings += test(task, trial, clean)
        on_step(step)
        if any(finding.severity == "leak" for finding in findings):
            findings[-1] = _said_of_repeats(findings[-1], clean, trial.outcome(task.data))
            break
    on_step(_TESTS)
    return findings


def _said_of_repeats(found: Finding, clean: FitResult, again: FitResult | str) -> Finding:
    """Say of what was found whether the training is repeatable at all."""
    equal = isinstance(again, FitResult) and np.array_equal(
        clean.scores, again.scores, equal_nan=True
    )
    if equal and not _difference(clean, again, "again"):
        return found
    also = (
        "Trained again with nothing changed it comes out otherwise, too: one training hands "
        "something on to the next, or a generator is not seeded. Mend that first."
    )
    return replace(found, message=f"{found.message} {also}")


def _labels_test(task: Task, trial: Trial, clean: FitResult) -> list[Finding]:
    outcome = trial.outcome(_rotated_labels(task.data, trial.fold))
    when = "when only the labels of the held-out subject change"
    difference = _difference(clean, outcome, when)
    if not difference and isinstance(outcome, FitResult):
        equal = np.array_equal(clean.scores, outcome.scores, equal_nan=True)
        difference = "" if equal else f"scores the held-out clips otherwise {when}"
    return [leak_of("labels", trial.fold, difference)] if difference else []


def _clips_test(task: Task, trial: Trial, clean: FitResult) -> list[Finding]:
    change = everything(task.data, trial.fold)
    outcome = trial.outcome(change.data, change.predict)
    difference = _difference(clean, outcome, _CLIPS_CHANGE)
    if difference:
        return [leak_of("poison test", trial.fold, difference)]
    if isinstance(outcome, str) or same_scores(clean, outcome, change):
        return []
    difference = difference_of_scores(trial, task.data, clean)
    return [_leak_of_scores(task, trial.fold, difference)] if difference else []


def _nan_test(task: Task, trial: Trial, clean: FitResult) -> list[Finding]:
    poisoned = filled(task.data, trial.fold.test, lambda shape: np.full(shape, np.nan))
    outcome = trial.outcome(_rotated_labels(poisoned, trial.fold))
    difference = _difference(clean, outcome, _CLIPS_CHANGE)
    return [leak_of("poison test", trial.fold, difference)] if difference else []


def _leak_of_scores(task: Task, fold: Fold, difference: str) -> Finding:
    leak = leak_of("scores", fold, difference)
    declared = task.method.transductive
    if not declared:
        return leak
    message = f"{leak.message} The method says that it is transductive: {declared}"
    return replace(leak, severity="note", message=message)


def _check_fresh(task: Task, trial: Trial, alone: FitResult | str, change: Change) -> list[Finding]:
    """Compare a fold of a fresh process with the same one trained after all others."""
    if isinstance(alone, str):
        message = (
            f"Fold {trial.fold.held_out} could not be trained in a process of its own, so what one "
            f"fold hands on to the next is known only from trainings in this one: {alone}"
        )
        return [Finding(check="fresh process", severity="note", fold="", message=message)]
    late = replace(trial, before=_LATE * trial.before).outcome(task.data)
    if isinstance(late, str):
        return []
    losses = [np.asarray(result.losses, np.float32) for result in (alone, late)]
    equal = bool(task.method.transductive) or same_scores(late, alone, change)
    if close(*losses) and equal and alone.epoch == late.epoch:
        return []
    what = (
        "comes out otherwise in a fresh process, which never had the held-out subject's clips, "
        "than after other folds in this one: something is handed on from fold to fold or found in "
        "the memory, or the training is not repeatable"
    )
    return [leak_of("fresh process", trial.fold, what)]


def _difference(clean: FitResult, outcome: FitResult | str, when: str) -> str:
    """Describe what the held-out subject changed in the training; empty where nothing did."""
    if isinstance(outcome, str):
        return f"stops when the held-out subject's clips are NaN, so it reads them: {outcome}"
    changed = ""
    if outcome.settings != clean.settings:
        changed = f"chooses {_said(outcome.settings)} in place of {_said(clean.settings)}"
    elif not np.array_equal(outcome.losses, clean.losses, equal_nan=True):
        changed = "has other training losses"
    elif outcome.epoch != clean.epoch:
        changed = f"takes epoch {outcome.epoch} in place of {clean.epoch}"
    elif not np.array_equal(_thresholds(outcome), _thresholds(clean)):
        changed = "has other thresholds"
    elif outcome.weights_sha256 != clean.weights_sha256:
        changed = "has other weights"
    return f"{changed} {when}" if changed else ""


def _thresholds(result: FitResult) -> FloatArray:
    return np.empty(0, np.float32) if result.thresholds is None else result.thresholds


def _said(settings: Mapping[str, Setting]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items()) or "nothing"


def _rotated_labels(data: TrainingData, fold: Fold) -> TrainingData:
    test, targets, units = list(fold.test), data.targets.copy(), data.units
    targets[test] = (targets[test] + 1) % max(1, data.num_classes)
    if units is not None:
        units = units.copy()
        units[test] = np.where(units[test] > 0, 0, 1)
    return replace(data, targets=targets, units=units)
