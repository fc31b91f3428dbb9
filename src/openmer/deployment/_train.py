"""Fit a method on everybody: the model that is used, not the one that is evaluated."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from openmer.deployment._fitted import FittedModel, plain_names
from openmer.deployment._record import (
    PACKAGES,
    CorpusCount,
    ModelEstimate,
    ModelRecord,
    TrainedOn,
)
from openmer.errors import OpenMERError
from openmer.evaluation import (
    Calibration,
    Progress,
    Protocol,
    ScoreKind,
    Task,
    everybody,
    fold_job,
    require_classes,
    run_folder,
    settled,
    versions,
)
from openmer.methods import Method
from openmer.training import (
    FitResult,
    KernelTraining,
    NetworkTraining,
    Resources,
    SvmTraining,
    fit_jobs,
    plan_run,
)

_TOLERANCE = 1e-2  # of a score; a network trained on CUDA scores with fewer digits there


def epoch_rule_of(method: Method) -> Literal["fixed", "inner"]:
    """How the epoch of a model for use is chosen: by inner subjects, or the last one of the budget.

    There is no held-out subject, so the rule ``held_out`` becomes ``fixed``.
    """
    inner = method.epoch_rule == "inner" and isinstance(method.training, NetworkTraining)
    return "inner" if inner else "fixed"


def train_model(
    task: Task,
    *,
    seed: int = 0,
    estimate: ModelEstimate | None = None,
    calibration: Calibration | None = None,
    resources: Resources | None = None,
    runs: Path | None = None,
    on_progress: Progress | None = None,
) -> FittedModel:
    """Fit a method on all subjects of a task.

    By the rule ``inner`` some of them train no weight, but choose the epoch. Where the method has a
    search, all of them choose its settings, in groups.

    Args:
        task: Clips and arrays.
        seed: Seed of weights, batches and inner subjects.
        estimate: From `estimate_of` or `estimate_from_run`, on the same task; None where there is
            none.
        calibration: From `calibration_from_run`, of the same run; None likewise.
        resources: Device, memory.
        runs: Where runs are kept, and in them the trials of a search; None keeps no trials.
        on_progress: Called with "search", trials done and trials in all.

    Returns:
        The model; the same arguments give the same one, bit for bit, on the same machine.

    Raises:
        ConfigError: The method learns action units and no class.
        OpenMERError: What was trained and what would be stored do not score alike.
    """
    require_classes(task.method)
    rule = epoch_rule_of(task.method)
    protocol = Protocol(epoch_rule=rule, seeds=(seed,))
    task = settled(
        task,
        everybody(task),
        epoch_rule=rule,
        seed=seed,
        resources=resources,
        folder=run_folder(task, protocol, runs) if runs else None,
        on_progress=on_progress,
    )
    result = _fit(task, rule, seed, resources or Resources())
    if result.state is None:
        raise OpenMERError(
            f"The training of {task.method.name} kept no weights. Please report this."
        )
    record = ModelRecord(
        method=task.method.name,
        title=task.method.title,
        kind=kind_of_method(task.method),
        classes=task.scheme.classes,
        label_scheme=task.scheme.name,
        units=() if result.thresholds is None else task.method.action_units.units,
        unit_thresholds=() if result.thresholds is None else tuple(result.thresholds.tolist()),
        input_shape=task.data.inputs.shape[1:],
        parameters=task.parameters,
        seed=seed,
        epoch_rule=rule,
        epoch=result.epoch,
        trained_on=_trained_on(task, result),
        estimate=estimate,
        calibration=calibration,
        versions=versions(PACKAGES),
    )
    model = FittedModel(method=task.method, record=record, state=plain_names(result.state))
    _require_same_scores(model, task, result)
    return model


def kind_of_method(method: Method) -> ScoreKind:
    """Say what the scores of a method are."""
    training = method.training
    if isinstance(training, KernelTraining):
        return "kernel"
    is_svm = isinstance(training, SvmTraining) or training.svm is not None
    return "svm" if is_svm else "network"


def _fit(task: Task, rule: Literal["fixed", "inner"], seed: int, resources: Resources) -> FitResult:
    """One training on all clips; the first clip is scored, to compare with what is stored."""
    job = replace(fold_job(task, everybody(task), rule, seed), keep_state=True)
    (result,) = fit_jobs([job], task.spec, task.data, plan_run(task.spec, [job], resources))
    return result


def _trained_on(task: Task, result: FitResult) -> TrainedOn:
    clips = Counter(clip.corpus for clip in task.clips)
    subjects = Counter(corpus for corpus, _ in {(c.corpus, c.subject) for c in task.clips})
    classes = np.bincount(task.data.targets, minlength=len(task.scheme.classes))
    return TrainedOn(
        what="micro-expression clips",
        corpora={
            name: CorpusCount(clips=clips[name], subjects=subjects[name]) for name in sorted(clips)
        },
        classes=dict(zip(task.scheme.classes, classes.tolist(), strict=True)),
        chose_epoch=len(result.job.validation.clips) if result.job.validation else 0,
        failures=len(task.failures),
        source=dict(task.source),
    )


def _require_same_scores(model: FittedModel, task: Task, result: FitResult) -> None:
    scores = model.scores(task.data.inputs[:1])
    difference = float(np.abs(scores - result.scores[:, : scores.shape[1]]).max())
    if not difference <= _TOLERANCE:
        raise OpenMERError(
            f"The model of {task.method.name} scores a clip differently after training "
            f"({difference:.2g}) than while it was trained. Nothing was stored. Please report this."
        )
