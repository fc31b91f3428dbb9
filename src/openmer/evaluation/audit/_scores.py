"""The scores of a fold: a clip is scored alone, by what it shows and by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from openmer.evaluation._splits import Fold
from openmer.evaluation.audit._trainings import Trial
from openmer.training import FitResult, FloatArray, TrainingData

_CLOSE = 1e-4  # of the largest score: what another order or number of clips may change by rounding
_NUDGE = np.float32(1 + 2**-20)  # changes the bytes of a clip, and nothing that can be seen


@dataclass(frozen=True, slots=True)
class Change:
    """The data with something changed that must not change the scores of some clips.

    Attributes:
        data: The changed data.
        predict: Which clips are asked for, in which order.
        place: Where the contents of a clip are now, by its number; these keep their scores.
    """

    data: TrainingData
    predict: tuple[int, ...]
    place: Mapping[int, int]


def everything(data: TrainingData, fold: Fold, factor: np.float32 = _NUDGE) -> Change:
    """Change all at once: half of the clips are noise, the others change places and order.

    Of one clip nothing stays. What stays is multiplied by a factor, which changes its bytes.
    """
    kept = fold.test[: (len(fold.test) + 1) // 2 if len(fold.test) > 1 else 0]
    places = [*fold.test[1:], *fold.test[:1]]
    place = dict(zip(fold.test, places, strict=True))
    place = {clip: place[clip] for clip in kept}
    changed = moved(_noise(data, fold.test), data, place, factor)
    left = [clip for clip in fold.test if clip not in place.values()][:1]
    return Change(changed, (*reversed(place.values()), *left), place)


def difference_of_scores(trial: Trial, data: TrainingData, clean: FitResult) -> str:
    """Say what changes the score of a clip beside the clip; empty where nothing does."""
    if len(trial.fold.test) < 2:
        return ""
    for said, change in _changes(data, trial.fold):
        outcome = trial.outcome(change.data, change.predict)
        if isinstance(outcome, FitResult) and not same_scores(clean, outcome, change):
            return said
    nudged = _nudged(data, trial.fold)
    outcome = trial.outcome(nudged.data, nudged.predict)
    if isinstance(outcome, str) or same_scores(clean, outcome, nudged):
        return (
            "scores a clip otherwise when other clips of the held-out subject change, are left "
            "out and change places"
        )
    turned = _turned(list(zip(clean.scores, outcome.scores, strict=True)))
    return _SPLIT if turned else ""


def same_scores(clean: FitResult, outcome: FitResult, change: Change) -> bool:
    """Whether the clips that a change leaves alone have their scores, but for rounding.

    Rounding gives hardly a clip another class; a small sum added to equal scores does.
    """
    old, new = score_by_clip(clean), score_by_clip(outcome)
    pairs = [(old[clip], new[place]) for clip, place in change.place.items()]
    return all(close(*pair) for pair in pairs) and not _turned(pairs)


def score_by_clip(result: FitResult) -> dict[int, FloatArray]:
    """Return the scores of every clip that was asked for."""
    return dict(zip(result.job.predict, np.asarray(result.scores), strict=True))


def close(one: FloatArray, other: FloatArray) -> bool:
    """Whether scores are equal but for rounding."""
    if one.shape != other.shape:
        return False
    largest = max(1.0, float(np.abs(one).max(initial=0.0)))
    return bool(np.allclose(one, other, rtol=0.0, atol=_CLOSE * largest, equal_nan=True))


_SPLIT = (
    "changes its mind on most held-out clips when their last digits change, which nobody can see: "
    "it knows their bytes"
)
_MOVED = (
    "scores a clip by its place in the list: when clips of the held-out subject change places, the "
    "scores do not follow. They come from a table, or from labels that the arrays do not hold"
)


def _changes(data: TrainingData, fold: Fold) -> Sequence[tuple[str, Change]]:
    first, others = fold.test[0], fold.test[1:]
    stay = {clip: clip for clip in fold.test}
    places = dict(zip(fold.test, [*others, first], strict=True))
    why = "statistics or priors of this subject are in its scores"
    return (
        (
            f"scores a clip otherwise when the subject's other clips are replaced: {why}",
            Change(_noise(data, others), fold.test, {first: first}),
        ),
        (
            f"scores a clip otherwise when the subject's other clips are left out: {why}",
            Change(data, (first,), {first: first}),
        ),
        (
            "scores clips otherwise when they are asked for in another order",
            Change(data, tuple(reversed(fold.test)), stay),
        ),
        (_MOVED, Change(moved(data, data, places), fold.test, places)),
    )


def _nudged(data: TrainingData, fold: Fold) -> Change:
    stay = {clip: clip for clip in fold.test}
    return Change(moved(data, data, stay, _NUDGE), fold.test, stay)


def _turned(pairs: Sequence[tuple[FloatArray, FloatArray]]) -> bool:
    """Whether most clips have another class, and more than one has."""
    turned = sum(int(before.argmax() != after.argmax()) for before, after in pairs)
    return turned > max(1, len(pairs) / 2)


def moved(
    onto: TrainingData,
    source: TrainingData,
    place: Mapping[int, int],
    factor: np.float32 = np.float32(1),  # noqa: B008 - a number, as good as constant
) -> TrainingData:
    """Put the contents of clips to other places, multiplied by a factor; labels stay."""
    old, new = list(place), list(place.values())
    inputs = onto.inputs.copy()
    inputs[new] = source.inputs[old] * factor
    flipped = None
    if onto.flipped is not None and source.flipped is not None:
        flipped = onto.flipped.copy()
        flipped[new] = source.flipped[old] * factor
    return replace(onto, inputs=inputs, flipped=flipped)


def _noise(data: TrainingData, clips: Sequence[int]) -> TrainingData:
    """Exchange clips for noise of the same spread; labels stay."""
    rng = np.random.default_rng(0)
    spread = float(data.inputs.std()) + 1.0
    return filled(data, clips, lambda shape: rng.normal(scale=spread, size=shape))


def filled(
    data: TrainingData,
    clips: Sequence[int],
    fill: Callable[[tuple[int, ...]], NDArray[np.float64]],
) -> TrainingData:
    """Exchange clips for something else; labels stay."""
    rows = list(clips)
    inputs = data.inputs.copy()
    inputs[rows] = fill(inputs[rows].shape)
    flipped = None
    if data.flipped is not None:
        flipped = data.flipped.copy()
        flipped[rows] = fill(inputs[rows].shape)
    return replace(data, inputs=inputs, flipped=flipped)
