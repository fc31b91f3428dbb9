"""A task: a method's clips, classes, arrays and folds, ready to train on, and the protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray
from pydantic import model_validator

from openmer._engine import current_engine
from openmer.clip import Clip
from openmer.datasets import ClipSource, LabelScheme, labelled, unit_targets
from openmer.errors import ConfigError, DataError, ProtocolError
from openmer.evaluation._leaks import Leak, require_possible, scaled_together, substring_folds
from openmer.evaluation._protocols import LOSO, make_folds, repeats_of
from openmer.evaluation._splits import Fold, hold_out_inside
from openmer.methods import Method
from openmer.preprocessing import (
    ArrayCache,
    Failure,
    Failures,
    OnFailure,
    count_preprocessing,
    prepare,
)
from openmer.training import (
    EpochRule,
    FitJob,
    FloatArray,
    KernelTraining,
    NetworkSpec,
    NetworkTraining,
    Record,
    SvmTraining,
    TrainingData,
    Validation,
    count_parameters,
    generator,
)

Progress = Callable[[str, int, int], None]


class Protocol(Record):
    """How a method is evaluated.

    Attributes:
        epoch_rule: ``fixed`` takes the last epoch of the budget; ``inner`` the best one on subjects
            held out inside the training subjects; ``held_out`` the best one on the held-out subject
            itself, which is a leak and exists to explain published numbers.
        seeds: One whole set of folds is trained per seed.
        folds: How clips are held out (see `openmer.evaluation.make_folds`); repeats of a k-fold
            are seeds.
        label_permutation: Shuffle the labels over the clips with this number, as a control that
            must score at chance; None leaves them alone.
        leak: A leak to make on purpose, one of `LEAKS`; None for none.
    """

    epoch_rule: EpochRule = "fixed"
    seeds: tuple[int, ...] = (0,)
    folds: str = LOSO
    label_permutation: int | None = None
    leak: Leak | None = None

    @model_validator(mode="before")
    @classmethod
    def _count_repeats(cls, table: Any) -> Any:  # noqa: ANN401
        repeats = repeats_of(str(table.get("folds", LOSO)))
        if table.get("leak") == "substring_subjects" and table.get("folds", LOSO) != LOSO:
            raise ConfigError(
                "The leak substring_subjects holds out single subjects, but the protocol is "
                f"{table['folds']}. Take loso."
            )
        seeds, wanted = tuple(table.get("seeds", (0,))), tuple(range(repeats))
        if repeats == 1:
            return table
        if seeds not in ((0,), wanted):
            raise ConfigError(
                f"Protocol {table['folds']} deals {repeats} times, and each time has a seed of its "
                f"own; found {len(seeds)} seeds. Leave the seeds out."
            )
        return {**table, "seeds": wanted}

    @property
    def leaky(self) -> bool:
        """Whether the held-out subject has any part in a model that is tested on it."""
        return self.epoch_rule == "held_out" or self.leak is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A method's input, ready to train on: clips, classes, arrays and folds, in one order.

    Attributes:
        method: The method.
        clips: The clips its label scheme keeps and that could be prepared.
        scheme: That scheme.
        data: Arrays and class indices.
        folds: One per subject of these clips, or what the protocol makes of them.
        protocol: How the folds were made.
        failures: Clips that the scheme keeps and that could not be prepared; nothing is trained or
            tested on them.
        lost_subjects: Subjects without a fold, because all their clips are among the failures.
        source: Where the clips come from (see `ClipSource.record`); empty where it is not known.
        prepared: What the recipe did to how many clips: where the apex frame came from, and what
            the band of `magnify` does.
        present: Whether clips show the units that are targets, 1 or 0, without a level, too; NaN
            where nobody coded the clip. None where `data` says it.
    """

    method: Method
    clips: tuple[Clip, ...]
    scheme: LabelScheme
    data: TrainingData
    folds: tuple[Fold, ...]
    protocol: str = LOSO
    failures: tuple[Failure, ...] = ()
    lost_subjects: tuple[str, ...] = ()
    source: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    prepared: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    present: NDArray[np.float32] | None = None

    @property
    def subjects(self) -> list[str]:
        """The subject of every clip."""
        return [clip.subject_id for clip in self.clips]

    @property
    def tested(self) -> tuple[int, ...]:
        """Indices of the clips that some fold tests."""
        return tuple(sorted({i for fold in self.folds for i in fold.test}))

    @property
    def tested_subjects(self) -> tuple[str, ...]:
        """Subjects that some fold tests, sorted."""
        return tuple(sorted({self.clips[i].subject_id for i in self.tested}))

    def subjects_of(self, fold: Fold) -> set[str]:
        """Return the subjects that a fold tests."""
        return {self.clips[i].subject_id for i in fold.test}

    @property
    def spec(self) -> NetworkSpec | SvmTraining | KernelTraining:
        """What the trainer needs to know of the method on these arrays."""
        training = self.method.training
        if not isinstance(training, NetworkTraining):
            return training
        return self.method.network_spec(self.data.num_classes, self.data.inputs.shape[1:])

    @property
    def asked(self) -> int:
        """Clips that were to be evaluated: those that are tested and those that failed."""
        return len(self.tested) + len(self.failures)

    @property
    def motionless(self) -> int:
        """Clips whose flow is the same everywhere, or whose onset is their apex."""
        same = np.array([c.onset is not None and c.onset == c.apex for c in self.clips], dtype=bool)
        if self.method.steps.flow is not None:
            flow = self.data.inputs[:, :2]
            same |= (flow == flow[:, :, :1, :1]).all(axis=(1, 2, 3))
        return int(same.sum())

    @property
    def parameters(self) -> int:
        """Trainable numbers of the network; 0 for a method without one."""
        spec = self.spec
        return count_parameters(spec) if isinstance(spec, NetworkSpec) else 0


def _order(clips: int, protocol: Protocol) -> NDArray[np.int64]:
    """Say whose labels each clip has: its own, or permuted where the protocol asks for that."""
    if protocol.label_permutation is None:
        return np.arange(clips)
    return generator(protocol.label_permutation, "label permutation").permutation(clips)


def _asked(method: Method, clips: Sequence[Clip]) -> tuple[tuple[Clip, ...], tuple[int, ...]]:
    """Return the clips to evaluate and their classes: those of the scheme, or those with units."""
    if method.task != "action_units":
        return labelled(clips, method.scheme)
    coded = ~np.isnan(unit_targets(clips, method.action_units.units)[:, 0])
    kept = tuple(clip for clip, own in zip(clips, coded, strict=True) if own)
    return kept, (0,) * len(kept)


def _units(method: Method, clips: Sequence[Clip]) -> NDArray[np.float32]:
    """Return the targets of action units; each is seen present and absent.

    Raises:
        ProtocolError: One is not, so that there is nothing to tell apart.
    """
    config = method.action_units
    found = unit_targets(clips, config.units, intensity=config.intensity)
    for unit, targets in zip(config.units, found.T, strict=True):
        present, absent = int((targets > 0).sum()), int((targets == 0).sum())
        if not present or not absent:
            of = " with a level" if config.intensity else ""
            raise ProtocolError(
                f"Action unit {unit} is present{of} in {present} clips and absent in {absent}: "
                "there is nothing to tell apart. Leave it out of action_units.units."
            )
    return found


def prepare_task(
    method: Method,
    clips: Sequence[Clip] | ClipSource,
    *,
    protocol: Protocol,
    cache: ArrayCache | None = None,
    workers: int = 0,
    on_failure: OnFailure = "list",
    on_progress: Progress | None = None,
) -> Task:
    """Clips to arrays, words to classes, subjects to folds.

    Args:
        method: The method.
        clips: Clips, or a corpus or manifest with its clips (see `openmer.datasets._source`).
        protocol: How clips are held out, and whether labels are permuted.
        cache: Where prepared arrays are kept, and features of frozen parts; None keeps none.
        workers: Processes; 0 is one per core.
        on_failure: "list" leaves clips that cannot be prepared out of clips, classes and folds,
            and lists them in `Task.failures`; "error" stops at the first one.
        on_progress: Called with "prepare", clips done and clips in all.

    Raises:
        ConfigError: The scheduler that is to train the folds does not answer.
        DataError: A clip's label does not serve, or its files do not where failures are errors, or
            no clip can be prepared; the clip is named.
        ProtocolError: One subject only, or a class without clips, be it before or after clips
            without an array are left out.
    """
    clips, source = (clips.clips, clips.record()) if isinstance(clips, ClipSource) else (clips, {})
    method = method.with_classes_of(clips)
    require_possible(protocol.leak, method)
    scheme = method.scheme
    asked, classes = _asked(method, clips)
    make_folds(protocol.folds, asked, classes)  # refuses what does not serve at once
    _require_keys(asked)
    current_engine().require()
    report = None if on_progress is None else lambda done, of: on_progress("prepare", done, of)
    recipe, failures = method.steps, Failures(on_failure)
    inputs = prepare(
        asked,
        recipe,
        cache=cache,
        workers=workers or cpu_count(),
        on_progress=report,
        failures=failures,
    )
    kept, data = _data(method, asked, classes, inputs, protocol, failures, cache)
    shown = unit_targets(kept, method.action_units.units) if method.trains_intensity else None
    return Task(
        method=method,
        clips=kept,
        scheme=scheme,
        data=scaled_together(data) if protocol.leak == "global_scaling" else data,
        folds=_folds(protocol, kept, data.targets.tolist(), failures),
        protocol=protocol.folds,
        failures=tuple(failures),
        lost_subjects=tuple(sorted({c.subject_id for c in asked} - {c.subject_id for c in kept})),
        source=MappingProxyType(source),
        prepared=count_preprocessing(recipe, kept),
        present=None if shown is None else shown[_order(len(kept), protocol)],
    )


def _data(
    method: Method,
    asked: Sequence[Clip],
    classes: Sequence[int],
    inputs: FloatArray,
    protocol: Protocol,
    failures: Failures,
    cache: ArrayCache | None,
) -> tuple[tuple[Clip, ...], TrainingData]:
    """Return the clips that could be prepared, and their arrays and targets."""
    left = [i for i, clip in enumerate(asked) if clip.key not in failures.clips]
    kept, order = tuple(asked[i] for i in left), _order(len(left), protocol)
    truth = np.asarray([classes[i] for i in left], dtype=np.int64)[order]
    only_units = method.task == "action_units"
    if not only_units:
        _require_classes(method.scheme, truth.tolist(), failures)
    return kept, TrainingData(
        inputs=inputs,
        targets=truth,
        num_classes=0 if only_units else len(method.scheme.classes),
        flipped=method.steps.flipped(inputs) if _draws_flipped(method) else None,
        units=None if method.task == "classes" else _units(method, kept)[order],
        store=cache,
    )


def _require_keys(clips: Sequence[Clip]) -> None:
    """Raise if two clips have one key: what fails is named by its key."""
    twice = [key for key, count in Counter(clip.key for clip in clips).items() if count > 1]
    if twice:
        raise DataError(
            f"{len(twice)} clips are listed more than once, {twice[0]} for one. Give each clip a "
            "name of its own within its subject."
        )


def _require_classes(scheme: LabelScheme, targets: Sequence[int], failures: Failures) -> None:
    """Raise if a class has lost all its clips."""
    lost = [name for i, name in enumerate(scheme.classes) if i not in set(targets)]
    if lost:
        raise ProtocolError(
            f"No clip of class {', '.join(lost)} is left: its F1 and recall would be undefined. "
            f"Repair these clips, or choose a label_scheme without that class.\n{failures}"
        )


def _folds(
    protocol: Protocol, clips: Sequence[Clip], targets: Sequence[int], failures: Failures
) -> tuple[Fold, ...]:
    """Make the folds of the clips that are left, with the leak that is made on purpose."""
    try:
        folds = make_folds(protocol.folds, clips, targets)
    except ProtocolError as error:
        if not failures.clips:
            raise
        raise ProtocolError(f"{error} Or repair the clips that failed.\n{failures}") from error
    if protocol.leak != "substring_subjects":
        return folds
    return substring_folds(folds, [clip.subject_id for clip in clips])


def fold_jobs(task: Task, epoch_rule: EpochRule, seed: int) -> list[FitJob]:
    """One training per fold of the seed, with what the epoch rule chooses the epoch with."""
    folds = (fold for fold in task.folds if fold.seed in (None, seed))
    return [fold_job(task, fold, epoch_rule, seed) for fold in folds]


def fold_job(task: Task, fold: Fold, epoch_rule: EpochRule, seed: int) -> FitJob:
    """Build the training job of one fold."""
    train, validation, whole = fold.train, None, None
    if epoch_rule == "held_out":
        validation = Validation(clips=fold.test, score="accuracy")
    elif epoch_rule == "inner" and isinstance(task.spec, NetworkSpec):
        inner = task.spec.training.inner
        train, validation_clips = hold_out_inside(
            fold,
            task.subjects,
            task.data.targets.tolist(),
            subjects_share=inner.subjects_share,
            rng=generator(seed, fold.held_out, "inner persons"),
        )
        validation = Validation(clips=validation_clips, score=inner.score, patience=inner.patience)
        if inner.retrain:
            whole = fold_job(task, fold, "fixed", seed)
    return FitJob(
        subject_id=fold.held_out,
        seed=seed,
        train=train,
        predict=fold.test,
        subjects=tuple(task.subjects[i] for i in train) if _needs_inner(task.method) else (),
        validation=validation,
        whole=whole,
    )


def _needs_inner(method: Method) -> bool:
    """Whether inner subjects choose a kernel or a penalty, or calibrate the scores."""
    training = method.training
    if isinstance(training, KernelTraining):
        return True
    svm = training if isinstance(training, SvmTraining) else training.svm
    return svm is not None and len(svm.choices) > 1


def _draws_flipped(method: Method) -> bool:
    training = method.training
    if method.search is not None and method.search.flips:
        return True
    if isinstance(training, SvmTraining):
        return training.flipped_copies
    if isinstance(training, KernelTraining):
        return False
    return training.flip_probability > 0
