"""The poison test: nothing about a held-out subject may change a bit of their fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from openmer.evaluation._experiment import Progress, Task, fold_job
from openmer.evaluation._splits import Fold
from openmer.evaluation.audit._finding import Finding, leak_of
from openmer.evaluation.tuning._groups import SearchRun
from openmer.evaluation.tuning._search import fit_folds
from openmer.training import (
    EpochRule,
    FitJob,
    FitResult,
    Resources,
    Scalar,
    Stage,
    SvmTraining,
    TrainingData,
    plan_run,
)

FitFolds = Callable[[TrainingData, Sequence[FitJob]], Sequence[FitResult]]


def package_trainer(task: Task, resources: Resources, epoch_rule: EpochRule = "fixed") -> FitFolds:
    """Return this package's own trainer, run as `cross_validate` would run it, in one process.

    Where the method has a search, every fold searches again, by that epoch rule.
    """

    def fit(data: TrainingData, jobs: Sequence[FitJob]) -> list[FitResult]:
        one = resources.model_copy(update={"workers": 1})
        plan = plan_run(task.spec, jobs, one)
        how = SearchRun(epoch_rule=epoch_rule, plan=plan, resources=one)
        return list(fit_folds(replace(task, data=data), jobs, how))

    return fit


def poison_test(
    task: Task,
    fit: FitFolds,
    *,
    epoch_rule: EpochRule,
    subjects: int = 3,
    on_progress: Progress | None = None,
) -> list[Finding]:
    """Train folds again without their held-out subject's data, and compare every bit.

    Each fold is trained after another one, in one call, so that anything handed on from fold to
    fold shows. The held-out subject's clips are then replaced by noise, then by NaN (which not even
    a weight of zero hides), and both times their labels are rotated; then the labels alone. The
    fold's weights, losses and epoch must come out the same to the last bit.

    Args:
        task: The method and its data.
        fit: What trains the folds.
        epoch_rule: The rule to prove.
        subjects: How many held-out subjects to poison; 0 means all.
        on_progress: Called with "audit", trainings done and trainings in all.
    """
    folds = _chosen_folds(task.folds, subjects)
    report = on_progress or (lambda *_: None)
    total = len(folds) * (1 + len(_POISONS))
    findings = []
    for number, fold in enumerate(folds):
        before = folds[number - 1] if len(folds) > 1 else _another(task.folds, fold)
        jobs = [fold_job(task, one, epoch_rule, seed=0) for one in (before, fold)]
        clean = _train(fit, task.data, jobs)
        for step, poison in enumerate(_POISONS, start=1):
            report("audit", number * (1 + len(_POISONS)) + step, total)
            difference = _difference(clean, _train(fit, poison(task.data, fold), jobs))
            if difference:
                findings.append(leak_of("poison test", fold, difference))
                break
        report("audit", (number + 1) * (1 + len(_POISONS)), total)
    return findings


def shortened(task: Task, epochs: int) -> Task:
    """Return the same task with at most `epochs` epochs a stage; a leak shows in the first few.

    Patience and the interval of perturbations are cut with them, so that early stopping, falling
    step sizes and perturbed clips are in the proof. A search is cut to its corners.
    """
    if task.method.search is not None:
        corners = task.method.search.corners(epochs)
        method = task.method.model_copy(update={"search": corners})
        task = replace(task, method=method)
    training = task.method.training
    if isinstance(training, SvmTraining):
        return task
    stages = tuple(_brief(stage, epochs) for stage in training.stages)
    changes: dict[str, object] = {"epochs": min(training.epochs, epochs), "stages": stages}
    perturb = training.perturb
    if perturb and training.most_epochs > epochs:
        interval = min(perturb.every, max(1, epochs // 2))
        changes["perturb"] = perturb.model_copy(update={"interval": interval})
    budget = training.model_copy(update=changes)
    if budget == training:
        return task
    return replace(task, method=task.method.model_copy(update={"training": budget}))


def _brief(stage: Stage, epochs: int) -> Stage:
    """One iteration of a stage with at most `epochs` epochs, and patience for half of them."""
    changes = {"epochs": min(stage.epochs, epochs), "iterations": 1}
    if stage.epochs > epochs:
        changes["patience"] = min(stage.patience, max(1, epochs // 2))
        changes["plateau_patience"] = min(stage.plateau_patience, max(1, epochs // 4))
    return stage.model_copy(update=changes)


def _train(fit: FitFolds, data: TrainingData, jobs: Sequence[FitJob]) -> FitResult | str:
    """Train the jobs; return the last one's result, or what stopped its training.

    A trainer that refuses NaN rightly stops in the job before, which trains on the poisoned
    subject; then the last job runs alone, and scores nothing, because scoring would read the
    subject too.
    """
    try:
        return _last(fit(data, jobs), jobs)
    except (ValueError, ArithmeticError, RuntimeError) as error:
        if not np.isnan(data.inputs).any():
            return str(error)
    alone = replace(jobs[-1], predict=())
    try:
        return _last(fit(data, [alone]), [alone])
    except (ValueError, ArithmeticError, RuntimeError) as error:
        return str(error)


def _last(results: Sequence[FitResult], jobs: Sequence[FitJob]) -> FitResult:
    return next(result for result in results if result.job.subject_id == jobs[-1].subject_id)


def _difference(clean: FitResult | str, outcome: FitResult | str) -> str:
    """Describe what the held-out subject changed; empty where nothing did."""
    if isinstance(clean, str):
        return f"cannot be trained at all: {clean}"
    if isinstance(outcome, str):
        return f"stops when the held-out subject's clips are NaN, so it reads them: {outcome}"
    changed = ""
    if outcome.settings != clean.settings:
        changed = f"chooses {_said(outcome.settings)} in place of {_said(clean.settings)}"
    elif outcome.losses != clean.losses:
        changed = "has other training losses"
    elif outcome.epoch != clean.epoch:
        changed = f"takes epoch {outcome.epoch} in place of {clean.epoch}"
    elif outcome.weights_sha256 != clean.weights_sha256:
        changed = "has other weights"
    return f"{changed} when the held-out subject's clips change" if changed else ""


def _said(settings: Mapping[str, Scalar]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items()) or "nothing"


def _noise_clips(data: TrainingData, fold: Fold) -> TrainingData:
    """Exchange the subject's clips for noise of the same spread, and rotate their labels."""
    rng = np.random.default_rng(0)
    spread = float(data.inputs.std()) + 1.0
    return _replaced(data, fold, lambda shape: rng.normal(scale=spread, size=shape))


def _nan_clips(data: TrainingData, fold: Fold) -> TrainingData:
    """Exchange the subject's clips for NaN, and rotate their labels."""
    return _replaced(data, fold, lambda shape: np.full(shape, np.nan))


def _replaced(
    data: TrainingData, fold: Fold, fill: Callable[[tuple[int, ...]], NDArray[np.float64]]
) -> TrainingData:
    test = list(fold.test)
    inputs = data.inputs.copy()
    inputs[test] = fill(inputs[test].shape)
    flipped = None
    if data.flipped is not None:
        flipped = data.flipped.copy()
        flipped[test] = fill(inputs[test].shape)
    return _rotated_labels(replace(data, inputs=inputs, flipped=flipped), fold)


def _rotated_labels(data: TrainingData, fold: Fold) -> TrainingData:
    targets = data.targets.copy()
    targets[list(fold.test)] = (targets[list(fold.test)] + 1) % data.num_classes
    return replace(data, targets=targets)


_POISONS = (_noise_clips, _nan_clips, _rotated_labels)


def _chosen_folds(folds: Sequence[Fold], subjects: int) -> list[Fold]:
    """Choose the largest fold, then others evenly spaced in the order of their sizes."""
    by_size = sorted(folds, key=lambda fold: (-len(fold.test), fold.held_out))
    if not subjects or subjects >= len(by_size):
        return by_size
    places = np.linspace(0, len(by_size) - 1, subjects).round().astype(int)
    return [by_size[place] for place in places]


def _another(folds: Sequence[Fold], fold: Fold) -> Fold:
    return next(other for other in folds if other.held_out != fold.held_out)
