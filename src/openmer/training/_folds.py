"""What goes into a training and what comes out: one job and one result per fold and seed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from openmer.preprocessing import ArrayCache

Setting = bool | int | float | str | tuple[bool | int | float | str, ...]
"""A value of a method file: one, or a list such as the class weights of a loss."""

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The clips whose score chooses the epoch.

    Attributes:
        clips: Indices of the validation clips.
        score: ``loss`` keeps the first epoch of lowest cross-entropy; ``uar`` the last epoch of
            highest mean recall of the classes; ``accuracy`` the last epoch of highest accuracy (the
            habit of the field's public scripts).
        patience: Epochs without improvement after which the model stops; 0 never stops early.
    """

    clips: tuple[int, ...]
    score: Literal["loss", "uar", "accuracy"]
    patience: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FitJob:
    """One model to train: a fold of one seed.

    Attributes:
        subject_id: The held-out subject, or the name of a held-out group; names the random streams
            of the job.
        seed: Seed of the run.
        train: Indices of the clips that the weights may see.
        predict: Indices of the clips to score afterwards.
        subjects: Who is on each clip of `train`, for what inner subjects choose; empty where
            nothing is chosen so.
        validation: What chooses the epoch; None takes the last one.
        follow: Groups of clips whose accuracy is noted after every epoch; it decides nothing.
        keep_state: Whether the result is to hold the trained numbers themselves.
        whole: The same fold with all its training clips, to be trained for the number of epochs
            that `validation` chooses, in place of keeping the weights of that epoch.
        start: Weights that a network begins with, by name, in place of fresh ones; only for a leak
            on purpose.
    """

    subject_id: str
    seed: int
    train: tuple[int, ...]
    predict: tuple[int, ...]
    subjects: tuple[str, ...] = ()
    validation: Validation | None = None
    follow: tuple[tuple[int, ...], ...] = ()
    keep_state: bool = False
    whole: FitJob | None = None
    start: Mapping[str, npt.NDArray[np.generic]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """A finished job.

    Attributes:
        job: The job.
        scores: One row per clip of `FitJob.predict`, shape ``(clips, classes)``; behind the classes
            stand the probabilities of action units, where they are targets.
        epoch: Epoch whose weights made the scores, from 1, as its place in the whole budget, with
            those that were stopped early counted; 0 where there are no epochs.
        losses: Mean training loss of each epoch that ran.
        followed: Accuracy of each group of `FitJob.follow` after each epoch that ran, by the
            network's own head.
        weights_sha256: Digest of every trained number, for bit-wise comparison.
        state: Every trained number by its name, where the job asked to keep them.
        settings: What a search chose for the job, by keys of the method; empty without a search.
        thresholds: From which probability each action unit is present; None without units.
    """

    job: FitJob
    scores: FloatArray
    epoch: int
    losses: tuple[float, ...]
    weights_sha256: str
    followed: tuple[tuple[float, ...], ...] = ()
    state: Mapping[str, npt.NDArray[np.generic]] | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict)
    thresholds: FloatArray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """The arrays every job draws from.

    Attributes:
        inputs: Prepared clips, shape ``(clips, channels, height, width)``.
        targets: Class indices, shape ``(clips,)``.
        num_classes: Number of classes.
        flipped: The same clips flipped left to right, same shape; None where no step needs them.
        features: What the first parts of the network, which all jobs share and begin with still,
            make of every row of `Rows`, shape ``(rows, ...)``; None where there are none.
        store: Where such features are kept for other runs; None keeps none.
        units: Targets of action units in 0..1, NaN where nobody coded the clip, shape ``(clips,
            units)``; None where units are no targets. Without classes all `targets` are 0.
    """

    inputs: FloatArray
    targets: IntArray
    num_classes: int
    flipped: FloatArray | None = None
    features: FloatArray | None = None
    store: ArrayCache | None = field(default=None, repr=False, compare=False)
    units: FloatArray | None = None

    @property
    def clips(self) -> int:
        """Number of clips."""
        return len(self.targets)

    def token(self) -> str:
        """Return a digest of the contents: equal arrays have equal tokens."""
        arrays: dict[str, npt.NDArray[np.generic]] = {
            "inputs": self.inputs,
            "targets": self.targets,
        }
        if self.flipped is not None:
            arrays["flipped"] = self.flipped
        if self.units is not None:
            arrays["units"] = self.units
        return digest(arrays)[:16]


def digest(arrays: Mapping[str, npt.NDArray[np.generic]]) -> str:
    """SHA-256 over names, shapes and bytes of arrays, in the order of their names."""
    state = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        state.update(f"{name}{array.dtype}{array.shape}".encode())
        state.update(array.tobytes())
    return state.hexdigest()
