"""The trainings that an audit compares: who runs them, how short they are, and on which clips."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from openmer.errors import ConfigError
from openmer.evaluation._experiment import Task, fold_job
from openmer.evaluation._splits import Fold
from openmer.evaluation.audit._recording import Recorder
from openmer.evaluation.tuning._groups import SearchRun
from openmer.evaluation.tuning._search import fit_folds
from openmer.methods import Method
from openmer.models import builder_of, ensure_registered
from openmer.training import (
    EpochRule,
    FitJob,
    FitResult,
    FloatArray,
    NetworkTraining,
    Resources,
    Stage,
    TrainingData,
    plan_run,
)

_Given = TypeVar("_Given")
_Read = TypeVar("_Read")
FitFolds = Callable[[TrainingData, Sequence[FitJob]], Sequence[FitResult]]
_COMPANION_CLIPS = 12  # that the training before a fold learns from, the fold's own come on top


def package_trainer(task: Task, resources: Resources, epoch_rule: EpochRule = "fixed") -> FitFolds:
    """Return this package's own trainer, run as `cross_validate` would run it, in one process.

    Where the method has a search, every fold searches again, by that epoch rule.
    """
    model = task.method.model
    build = builder_of(model.name) if model else None
    bare = replace(task, data=_emptied(task.data))  # nothing is found in what holds no clips

    def fit(data: TrainingData, jobs: Sequence[FitJob]) -> list[FitResult]:
        if model and build:
            ensure_registered(model.name, build)  # in a fresh process nothing may have done it
        one = resources.model_copy(update={"workers": 1})
        plan = plan_run(task.spec, jobs, one)
        how = SearchRun(epoch_rule=epoch_rule, plan=plan, resources=one)
        alone = replace(bare, data=replace(data, store=None))  # features are made anew
        return list(fit_folds(alone, jobs, how))

    return fit


def _emptied(data: TrainingData) -> TrainingData:
    flipped = None if data.flipped is None else data.flipped[:0].copy()
    return replace(
        data,
        inputs=data.inputs[:0].copy(),
        targets=data.targets[:0].copy(),
        flipped=flipped,
        units=None,
        features=None,
        store=None,
    )


def shortened(task: Task, epochs: int) -> Task:
    """Return the same task with at most `epochs` epochs a stage; a leak shows in the first few.

    Patience and the interval of perturbations are cut with them, so that early stopping, falling
    step sizes and perturbed clips are in the proof. A search is cut to its corners.
    """
    method = shortened_method(task.method, epochs)
    return task if method == task.method else replace(task, method=method)


def shortened_method(method: Method, epochs: int) -> Method:
    """Return a method whose training has at most `epochs` epochs a stage, as `shortened` does."""
    if method.search is not None:
        method = method.model_copy(update={"search": method.search.corners(epochs)})
    training = method.training
    if not isinstance(training, NetworkTraining):
        return method
    stages = tuple(_brief(stage, epochs) for stage in training.stages)
    changes: dict[str, object] = {"epochs": min(training.epochs, epochs), "stages": stages}
    perturb = training.perturb
    if perturb and training.most_epochs > epochs:
        interval = min(perturb.every, max(1, epochs // 2))
        changes["perturb"] = perturb.model_copy(update={"every": interval})
    return method.model_copy(update={"training": training.model_copy(update=changes)})


def _brief(stage: Stage, epochs: int) -> Stage:
    """One iteration of a stage with at most `epochs` epochs, and patience for half of them."""
    changes = {"epochs": min(stage.epochs, epochs), "iterations": 1}
    if stage.epochs > epochs:
        changes["patience"] = min(stage.patience, max(1, epochs // 2))
        changes["plateau_patience"] = min(stage.plateau_patience, max(1, epochs // 4))
    return stage.model_copy(update=changes)


def chosen_folds(folds: Sequence[Fold], subjects: int) -> list[Fold]:
    """Choose the largest fold, then others evenly spaced in the order of their sizes.

    Args:
        folds: All folds.
        subjects: How many; 0 means all.
    """
    by_size = sorted(folds, key=lambda fold: (-len(fold.test), fold.held_out))
    if not subjects or subjects >= len(by_size):
        return by_size
    places = np.linspace(0, len(by_size) - 1, subjects).round().astype(int)
    return [by_size[place] for place in places]


@dataclass(slots=True)
class Budget:
    """How long poisoned trainings may go on, and how far they came.

    Attributes:
        minutes: No fold is begun that would not end by then, going by those before; the first one
            always is. 0 is no bound.
        folds: How many folds were poisoned.
    """

    minutes: float = 0.0
    folds: int = 0
    _began: float = field(default_factory=time.monotonic)

    def allows_another(self) -> bool:
        """Whether one more fold can be expected to end in time."""
        passed = time.monotonic() - self._began
        expected = passed * (self.folds + 1) / max(1, self.folds)
        return not (self.minutes and self.folds) or expected <= 60 * self.minutes


@dataclass(frozen=True, slots=True)
class Trial:
    """One fold, trained after a small training that learns from its held-out subject.

    Attributes:
        fit: What trains.
        fold: The fold.
        job: Its training.
        before: The trainings in the same call that come first.
        recorder: Records what trainings read.
    """

    fit: FitFolds
    fold: Fold
    job: FitJob
    before: tuple[FitJob, ...]
    recorder: Recorder

    def outcome(self, data: TrainingData, predict: Sequence[int] | None = None) -> FitResult | str:
        """Train on this data; return the fold's result, or what stopped its training.

        A trainer that refuses NaN rightly stops in the training before, which reads the poisoned
        subject; then the fold is trained alone, and scores nothing, because scoring would read the
        subject too.
        """
        job = self.job if predict is None else replace(self.job, predict=tuple(predict))
        jobs = [*self.before, job]
        try:
            return self._last(data, jobs)
        except (ValueError, ArithmeticError, RuntimeError) as error:
            if not np.isnan(data.inputs).any():
                return str(error)
        try:
            return self._last(data, [replace(job, predict=())])
        except Exception as error:  # whatever a trainer raises that was never asked for nothing
            return f"{type(error).__name__}: {error}"

    def _last(self, data: TrainingData, jobs: Sequence[FitJob]) -> FitResult:
        asked = jobs[-1].subject_id
        with self.recorder.recording():
            results = self.fit(data, jobs)
            own = next(result for result in results if result.job.subject_id == asked)
            return plain(own, jobs[-1])


def plain(result: FitResult, job: FitJob) -> FitResult:
    """Copy a result into arrays, texts and numbers, none of which says what it is equal to."""
    units = result.thresholds
    return replace(
        result,
        job=job,
        scores=_taken("scores", result.scores, _singles, "a row of numbers per clip"),
        epoch=_taken("epoch", result.epoch, int, "a whole number"),
        losses=_taken("losses", result.losses, _doubles, "a number per epoch"),
        weights_sha256=_taken("weights_sha256", result.weights_sha256, _text, "text"),
        settings=_taken("settings", result.settings, dict, "a mapping"),
        thresholds=None if units is None else _taken("thresholds", units, _singles, "numbers"),
    )


def _taken(name: str, value: _Given, read: Callable[[_Given], _Read], expected: str) -> _Read:
    """Read a field that a trainer filled in, or say what it should be."""
    try:
        return read(value)
    except (AttributeError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        message = f"A trainer's result: {name} is {type(value).__name__}, expected {expected}"
        raise ConfigError(f"{message}. Mend what the trainer returns. ({error})") from error


def _text(value: str) -> str:
    return str.encode(value).decode()


def _singles(value: object) -> FloatArray:
    return _numbers(value).astype(np.float32)


def _doubles(value: object) -> tuple[float, ...]:
    return tuple(_numbers(value).astype(np.float64).tolist())


def _numbers(value: object) -> npt.NDArray[np.generic]:
    """Copy numbers into an array; tensors are detached from what they were computed by."""
    array = np.array(_detached(value), subok=False)
    if array.dtype.kind not in "biuf" or not array.ndim:
        raise ValueError(f"found {array.dtype} of shape {array.shape}")
    return array


def _detached(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_detached(one) for one in value]
    detach = getattr(value, "detach", None)
    return detach().cpu().numpy() if detach else value


def trial_of(
    task: Task, fit: FitFolds, fold: Fold, epoch_rule: EpochRule, recorder: Recorder
) -> Trial:
    """Return the trial of a fold."""
    seed = fold.seed or 0
    job = fold_job(task, fold, epoch_rule, seed=seed)
    other = _other(task, fold)
    if other is None:
        return Trial(fit, fold, job, (), recorder)
    before = fold_job(task, other, epoch_rule, seed=seed)
    return Trial(fit, fold, job, (_companion(task, before, fold),), recorder)


def _other(task: Task, fold: Fold) -> Fold | None:
    """Choose a fold that trains on all that this one tests; make one of all clips if none does."""
    for other in task.folds:
        if set(fold.test) <= set(other.train):
            return other
    if task.method.search is not None:  # which trains the folds of the task only
        return None
    everything = tuple(range(len(task.clips)))
    return replace(fold, held_out=f"{fold.held_out} before", train=everything)


def _companion(task: Task, before: FitJob, fold: Fold) -> FitJob:
    """Let a training see all clips of the fold's subject, and only a few others of every class.

    A search trains whole folds, so its job stays as it is.
    """
    if task.method.search is not None:
        return before
    tested, targets = set(fold.test), task.data.targets
    others = [clip for clip in before.train if clip not in tested]
    # One of each class first, then another: sorted by how often the class came before.
    count: dict[int, int] = {}
    places = {}
    for clip in others:
        places[clip] = count[int(targets[clip])] = count.get(int(targets[clip]), 0) + 1
    few = set(sorted(others, key=places.__getitem__)[:_COMPANION_CLIPS])
    train = tuple(clip for clip in before.train if clip in tested or clip in few)
    kept = set(train)
    whose = dict(zip(before.train, before.subjects, strict=False))
    subjects = tuple(whose[clip] for clip in train if clip in kept) if before.subjects else ()
    return replace(before, train=train, subjects=subjects)
