"""The training loop: one set of jobs in, one result per job out, on any learner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from openmer.errors import ConfigError
from openmer.training._batches import epoch_batches
from openmer.training._classifier import Numbers, final_scores
from openmer.training._config import ActionUnitConfig, NetworkTraining, Stage
from openmer.training._folds import (
    FitJob,
    FitResult,
    FloatArray,
    IntArray,
    TrainingData,
    Validation,
    digest,
)
from openmer.training._learner import Learner
from openmer.training._schedulers import Plateau
from openmer.training._targets import best_thresholds, usual_thresholds, validation_value

_NO_ROWS: IntArray = np.empty(0, dtype=np.int64)


class _Monitor:
    """Follows one model's validation score: is this epoch its best, and may it stop?"""

    def __init__(self, validation: Validation, data: TrainingData) -> None:
        self.rows = np.asarray(validation.clips, dtype=np.int64)
        self.best_epoch = 0
        self.stopped = False
        self._patience = validation.patience
        self._began = 0
        self._validation = validation
        self._data = data
        self._best = -np.inf

    def enter(self, stage: Stage, epoch: int) -> None:
        """Begin a stage after `epoch` epochs: patience is counted again."""
        self.stopped = False
        self._patience = stage.patience or self._validation.patience
        self._began = epoch

    def improved(self, value: float, epoch: int) -> bool:
        """Whether this epoch's weights are to be kept; also decides `stopped`."""
        later_ties = self._validation.score != "loss"
        better = value > self._best or (later_ties and value == self._best) or epoch == 1
        if better:
            self._best, self.best_epoch = value, epoch
        waited = epoch - max(self.best_epoch, self._began)
        self.stopped = 0 < self._patience <= waited
        return better

    def value(self, scores: FloatArray) -> float:
        """Return the validation score; higher is better."""
        return validation_value(scores, self._data, self.rows, self._validation.score)


def fit(
    jobs: Sequence[FitJob],
    learner: Learner,
    training: NetworkTraining,
    data: TrainingData,
    units: ActionUnitConfig | None = None,
) -> list[FitResult]:
    """Train one model per job, all at once, each on nothing but its own training clips.

    Args:
        jobs: The folds, or as many of them as the learner holds.
        learner: One model or a stack of them.
        training: Budget and batches.
        data: Arrays to draw from.
        units: Action units that are targets; None for none.

    Returns:
        One result per job, in their order.

    Raises:
        ConfigError: Flipped clips are to be drawn, but the data has none.
    """
    if training.flip_probability > 0 and data.flipped is None:
        raise ConfigError(
            "training.flip_probability is above 0, but the data holds no flipped copies. Give "
            "TrainingData.flipped, or set it to 0."
        )
    learner.begin(jobs)
    monitors = [_Monitor(job.validation, data) if job.validation else None for job in jobs]
    losses: list[list[float]] = [[] for _ in jobs]
    followed: list[list[list[float]]] = [[[] for _ in job.follow] for job in jobs]
    begun = 0  # an epoch is numbered by its place in the whole budget, stopped ones included,
    for stage in training.all_stages:  # so that no model's draws depend on when another one stops
        _enter(learner, monitors, stage, begun)
        plateaus = [Plateau() for _ in jobs]
        for epoch in range(begun + 1, begun + stage.epochs + 1):
            running = [not (monitor and monitor.stopped) for monitor in monitors]
            batches = [
                epoch_batches(job, training, data, epoch) if goes_on else []
                for job, goes_on in zip(jobs, running, strict=True)
            ]
            means = _run_epoch(learner, batches, epoch)
            _keep_losses(losses, means, running)
            _follow(learner, jobs, followed, running, data)
            validation_scores = _validate_epoch(learner, monitors, running, epoch)
            _slow_down(learner, stage, plateaus, running, validation_scores, means)
            if all(monitor and monitor.stopped for monitor in monitors):
                break
        begun += stage.epochs
    for model, monitor in enumerate(monitors):
        if monitor:
            learner.recall(model)
    made = final_scores(jobs, learner, training, data)
    results = _results(jobs, learner, monitors, losses, followed, made)
    return results if units is None else _with_thresholds(results, learner, units, data)


def _enter(learner: Learner, monitors: list[_Monitor | None], stage: Stage, epoch: int) -> None:
    """Begin a stage; a validated model goes on from its best weights so far."""
    for model, monitor in enumerate(monitors):
        if monitor:
            monitor.enter(stage, epoch)
            if epoch:
                learner.recall(model)
    learner.enter(stage)


def _keep_losses(losses: list[list[float]], means: list[float], running: list[bool]) -> None:
    for model, goes_on in enumerate(running):
        if goes_on:
            losses[model].append(means[model])


def _follow(
    learner: Learner,
    jobs: Sequence[FitJob],
    followed: list[list[list[float]]],
    running: list[bool],
    data: TrainingData,
) -> None:
    """Note the accuracy of every group of clips that a job follows."""
    for place in range(max(len(job.follow) for job in jobs)):
        rows = [
            np.asarray(job.follow[place], dtype=np.int64) if place < len(job.follow) else _NO_ROWS
            for job in jobs
        ]
        for model, scores in enumerate(learner.scores(rows)):
            if running[model] and len(rows[model]):
                own = scores[:, : data.num_classes or None]
                right = own.argmax(axis=1) == data.targets[rows[model]]
                followed[model][place].append(float(right.mean()))


def _run_epoch(learner: Learner, batches: list[list[IntArray]], epoch: int) -> list[float]:
    """All steps of one epoch; returns each model's mean loss."""
    total = np.zeros(len(batches))
    for number in range(max(map(len, batches))):
        rows = [own[number] if number < len(own) else _NO_ROWS for own in batches]
        total += learner.step(rows, (epoch, number)).cpu().numpy() * [len(own) for own in rows]
    means: list[float] = (total / [max(1, sum(map(len, own))) for own in batches]).tolist()
    return means


def _validate_epoch(
    learner: Learner, monitors: list[_Monitor | None], running: list[bool], epoch: int
) -> list[float | None]:
    """Keep the best weights so far; return each model's validation score, None without one."""
    if not any(monitors):
        return [None] * len(monitors)
    scores = learner.scores([monitor.rows if monitor else _NO_ROWS for monitor in monitors])
    values = [
        own.value(found) if own else None for own, found in zip(monitors, scores, strict=True)
    ]
    for model, (monitor, value) in enumerate(zip(monitors, values, strict=True)):
        if monitor and value is not None and running[model] and monitor.improved(value, epoch):
            learner.keep(model)
    return values


def _slow_down(
    learner: Learner,
    stage: Stage,
    plateaus: list[Plateau],
    running: list[bool],
    validation_scores: list[float | None],
    losses: list[float],
) -> None:
    """Let the step size fall of each model that gets no better.

    Its validation score tells, or its mean training loss where there is no validation.
    """
    for model, (score, loss) in enumerate(zip(validation_scores, losses, strict=True)):
        latest = -loss if score is None else score
        if running[model] and plateaus[model].follow(latest, stage):
            learner.slow_down(model, stage.plateau_factor)


def _results(
    jobs: Sequence[FitJob],
    learner: Learner,
    monitors: list[_Monitor | None],
    losses: list[list[float]],
    followed: list[list[list[float]]],
    made: list[tuple[FloatArray, Numbers]],
) -> list[FitResult]:
    results = []
    for model, (job, monitor) in enumerate(zip(jobs, monitors, strict=True)):
        scores, numbers = made[model]
        state = {**learner.weights(model), **numbers}
        results.append(
            FitResult(
                job=job,
                scores=scores,
                epoch=monitor.best_epoch if monitor else len(losses[model]),
                losses=tuple(losses[model]),
                followed=tuple(map(tuple, followed[model])),
                weights_sha256=digest(state),
                state=state if job.keep_state else None,
            )
        )
    return results


def _with_thresholds(
    results: list[FitResult], learner: Learner, units: ActionUnitConfig, data: TrainingData
) -> list[FitResult]:
    """Choose thresholds on each job's validation clips; without any they are the usual ones."""
    seen = [one.job.validation.clips if one.job.validation else () for one in results]
    rows = [np.asarray(clips, dtype=np.int64) for clips in seen]
    if not any(seen) or data.units is None:
        return [replace(one, thresholds=usual_thresholds(units)) for one in results]
    found = []
    for one, scores, own in zip(results, learner.scores(rows), rows, strict=True):
        probabilities = scores[:, data.num_classes :]
        chosen = best_thresholds(probabilities, data.units[own], units) if len(own) else None
        found.append(replace(one, thresholds=usual_thresholds(units) if chosen is None else chosen))
    return found
