"""Clips that are a weighted sum of two others, as mixing before the split makes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from openmer.clip import Clip
from openmer.evaluation._audit_stamp import Finding
from openmer.training import TrainingData

_EXPLAINED = 0.99  # of a clip's squares, by two others
_ALONE = 0.97  # by one of them: that would be a copy, or two clips of a face that hardly moves
_LEAST_WEIGHT = 0.1  # of each of the two, in a clip of length one
_MOST_CLIPS = 2000  # the work grows with the cube of their number


def check_mixtures(clips: Sequence[Clip], data: TrainingData) -> list[Finding]:
    """Report clips that are mixed from two others, one of them of another subject.

    Such a clip trains the model that is tested on what it is made of. More than 2,000 clips are
    not compared, which is noted.
    """
    if data.clips > _MOST_CLIPS:
        message = (
            f"Whether any of {data.clips} clips is mixed from two others was not looked at: that "
            f"takes too long beyond {_MOST_CLIPS}. Audit a part of the corpus for it."
        )
        return [Finding(check="mixtures", severity="note", fold="", message=message)]
    flat = data.inputs.reshape(data.clips, -1).astype(np.float64)
    if data.clips < 3 or flat.shape[1] <= data.clips:
        return []  # in so few numbers anything is a sum of anything
    flat -= flat.mean(axis=0)
    flat /= np.sqrt((flat**2).sum(axis=1, keepdims=True)) + 1e-12
    alike = flat @ flat.T
    found = []
    for i in range(data.clips):
        pair = _mixed_of(alike, i)
        if pair is not None and any(clips[j].subject_id != clips[i].subject_id for j in pair):
            found.append((i, *pair))
    if not found:
        return []
    i, j, k = found[0]
    message = (
        f"{len(found)} clips are weighted sums of two others: {clips[i].key} of {clips[j].key} "
        f"and {clips[k].key}. Where one of these is tested, the others train. Mix training clips "
        "inside of each fold."
    )
    return [Finding(check="mixtures", severity="leak", fold="", message=message)]


def _mixed_of(alike: NDArray[np.float64], i: int) -> tuple[int, int] | None:
    """Return the two clips that explain a clip best, if they do and neither does alone."""
    own = alike[i]
    loose = 1 - alike**2 + 1e-9
    weight = (own[:, None] - alike * own) / loose  # of the first of each pair
    explained = weight * own[:, None] + weight.T * own
    possible = (np.minimum(weight, weight.T) >= _LEAST_WEIGHT) & (loose > 1e-3)
    possible &= np.maximum.outer(own**2, own**2) < _ALONE
    possible[i] = possible[:, i] = False
    explained[~possible] = 0
    j, k = np.unravel_index(explained.argmax(), explained.shape)
    return (int(j), int(k)) if explained[j, k] >= _EXPLAINED else None
