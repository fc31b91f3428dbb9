"""A task: a method's clips, classes, arrays and folds, ready to train on, and the protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from joblib import cpu_count

from openmer.clip import Clip
from openmer.datasets.labels import LabelScheme, label_scheme, labelled
from openmer.errors import ConfigError
from openmer.evaluation.splits import Fold, hold_out_inside, leave_one_subject_out
from openmer.methods import Method
from openmer.preprocessing import ArrayCache, prepare
from openmer.training import (
    FitJob,
    NetworkSpec,
    SvmTraining,
    TrainingData,
    Watch,
    count_parameters,
)
from openmer.training.config import Record
from openmer.training.seeding import generator

EpochRule = Literal["fixed", "inner", "held_out"]
Progress = Callable[[str, int, int], None]


class Protocol(Record):
    """How a method is judged.

    Attributes:
        epoch_rule: ``fixed`` takes the last epoch of the budget; ``inner`` the best one on persons
            held out inside the training persons; ``held_out`` the best one on the held-out person
            itself, which is a leak and exists to explain published numbers.
        seeds: One whole set of folds is trained per seed.
        label_permutation: Shuffle the labels over the clips with this number, as a control that
            must score at chance; None leaves them alone.
    """

    epoch_rule: EpochRule = "fixed"
    seeds: tuple[int, ...] = (0,)
    label_permutation: int | None = None

    @property
    def leaky(self) -> bool:
        """Whether the held-out person chooses anything."""
        return self.epoch_rule == "held_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A method's input, ready to train on: clips, classes, arrays and folds, in one order.

    Attributes:
        method: The method.
        clips: The clips its label scheme keeps.
        scheme: That scheme.
        data: Arrays and class indices.
        folds: One per person.
    """

    method: Method
    clips: tuple[Clip, ...]
    scheme: LabelScheme
    data: TrainingData
    folds: tuple[Fold, ...]

    @property
    def persons(self) -> list[str]:
        """The person of every clip."""
        return [clip.person for clip in self.clips]

    @property
    def spec(self) -> NetworkSpec | SvmTraining:
        """What the trainer needs to know of the method on these arrays."""
        training = self.method.training
        if isinstance(training, SvmTraining):
            return training
        if self.method.model is None:
            raise ConfigError(f"Method {self.method.name} has no [model] to train.")
        return NetworkSpec(
            model=self.method.model,
            loss=self.method.loss,
            training=training,
            num_classes=self.data.num_classes,
            input_shape=self.data.inputs.shape[1:],
        )

    @property
    def parameters(self) -> int:
        """Trainable numbers of the network; 0 for a method without one."""
        spec = self.spec
        return count_parameters(spec) if isinstance(spec, NetworkSpec) else 0


def prepare_task(
    method: Method,
    clips: Sequence[Clip],
    *,
    protocol: Protocol,
    cache: ArrayCache | None = None,
    workers: int = 0,
    on_progress: Progress | None = None,
) -> Task:
    """Clips to arrays, words to classes, persons to folds.

    Raises:
        DataError: A clip's files or label do not serve; the clip is named.
        ProtocolError: One person only, or a class without clips.
    """
    scheme = label_scheme(method.label_scheme)
    kept, targets = labelled(clips, scheme)
    folds = leave_one_subject_out([clip.person for clip in kept])
    report = None if on_progress is None else lambda done, of: on_progress("prepare", done, of)
    recipe = method.steps
    inputs = prepare(kept, recipe, cache=cache, workers=workers or cpu_count(), on_progress=report)
    truth = np.asarray(targets, dtype=np.int64)
    if protocol.label_permutation is not None:
        truth = generator(protocol.label_permutation, "label permutation").permutation(truth)
    data = TrainingData(
        inputs=inputs,
        targets=truth,
        num_classes=len(scheme.classes),
        mirrored=recipe.mirrored(inputs) if _draws_mirrored(method) else None,
    )
    return Task(method=method, clips=kept, scheme=scheme, data=data, folds=folds)


def fold_jobs(task: Task, epoch_rule: EpochRule, seed: int) -> list[FitJob]:
    """One training per fold, with what the epoch rule lets it watch."""
    return [fold_job(task, fold, epoch_rule, seed) for fold in task.folds]


def fold_job(task: Task, fold: Fold, epoch_rule: EpochRule, seed: int) -> FitJob:
    """The training of one fold."""
    train, watch = fold.train, None
    if epoch_rule == "held_out":
        watch = Watch(clips=fold.test, score="accuracy")
    elif epoch_rule == "inner" and isinstance(task.spec, NetworkSpec):
        inner = task.spec.training.inner
        train, watched = hold_out_inside(
            fold,
            task.persons,
            task.data.targets.tolist(),
            persons_share=inner.persons_share,
            rng=generator(seed, fold.held_out, "inner persons"),
        )
        watch = Watch(clips=watched, score="loss", patience=inner.patience)
    return FitJob(person=fold.held_out, seed=seed, train=train, predict=fold.test, watch=watch)


def _draws_mirrored(method: Method) -> bool:
    training = method.training
    if isinstance(training, SvmTraining):
        return training.mirrored_copies
    return training.mirror_probability > 0
