"""Copies among the clips: flipped images and small shifts, as minority classes are enlarged by.

A copy of a held-out subject's clip must never train, and test sets hold originals only. Copies that
a training makes itself are made of its own training clips (`openmer.training.Oversample`); what
is searched here are copies that came in with the data, as clips of their own.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from openmer.evaluation._audit_stamp import Finding
from openmer.evaluation.audit._finding import some
from openmer.training import FloatArray, TrainingData

_SHARE = 0.06  # of the side: how far a copy may be shifted along either axis, and be found
_PATCH_SHARE = 0.4  # side of the patch that is looked for
_LARGEST_PATCH = 32  # pixels


def check_copies(subjects: Sequence[str], data: TrainingData) -> list[Finding]:
    """Clips that are another one, its flipped image or a shift of it along one axis.

    Returns:
        A leak for each group of copies: under several subjects they would train what is tested,
        under one they would be tested more than once.
    """
    findings = []
    for clips in _groups(data.inputs):
        people = {subjects[i] for i in clips}
        what = f"{len(clips)} clips of {some(people)} are the same picture, flipped or shifted."
        if len(people) > 1:
            why = (
                "A copy of a held-out clip would train. Give copies the subject of their original, "
                "or better, leave them out: training.oversample makes them where they belong."
            )
        else:
            why = (
                "It would be tested more than once. Keep the original alone: training.oversample "
                "makes copies of training clips."
            )
        message = f"{what} {why}"
        findings.append(Finding(check="copies", severity="leak", fold="", message=message))
    return findings


def _groups(inputs: FloatArray) -> list[list[int]]:
    """Clips that are copies of each other, each group in their order."""
    views = [np.ascontiguousarray(clip[1:] if len(clip) > 1 else clip) for clip in inputs]
    moving = [i for i, view in enumerate(views) if np.ptp(view) > 0]  # others say nothing
    root = list(range(len(views)))
    for i, j in _pairs(views, moving):
        root[_root(root, i)] = _root(root, j)
    groups: dict[int, list[int]] = defaultdict(list)
    for i in moving:
        groups[_root(root, i)].append(i)
    return [group for group in groups.values() if len(group) > 1]


def _pairs(views: Sequence[FloatArray], moving: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield a clip and another one that is a copy of it."""
    patches = _patches(views, moving)
    for i in moving:
        for view in (views[i], views[i][..., ::-1]):
            for step, key in _shifted_patches(view):
                others = (j for j in patches.get(key, ()) if i != j)
                yield from ((i, j) for j in others if _same(view, views[j], step))


def _patches(views: Sequence[FloatArray], moving: Sequence[int]) -> dict[bytes, list[int]]:
    """Group the clips by the patch in their middle; skip those whose patch is uniform."""
    found: dict[bytes, list[int]] = defaultdict(list)
    for i in moving:
        patch = _patch(views[i], (0, 0))
        if np.ptp(patch) > 0:
            found[_key(patch)].append(i)
    return found


def _shifted_patches(view: FloatArray) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Yield what stands beside the middle, by its distance in rows and columns."""
    most = max(1, round(_SHARE * view.shape[-1]))
    steps = [(0, 0)]
    steps += [(0, step * sign) for step in range(1, most + 1) for sign in (-1, 1)]
    steps += [(step * sign, 0) for step in range(1, most + 1) for sign in (-1, 1)]
    for step in steps:
        yield step, _key(_patch(view, step))


def _patch(view: FloatArray, step: tuple[int, int]) -> FloatArray:
    height, width = view.shape[-2:]
    side = max(4, min(_LARGEST_PATCH, round(_PATCH_SHARE * min(height, width))))
    top, left = (height - side) // 2 + step[0], (width - side) // 2 + step[1]
    return view[..., max(0, top) : top + side, max(0, left) : left + side]


def _key(patch: FloatArray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(patch).tobytes(), digest_size=16).digest()


def _same(view: FloatArray, other: FloatArray, step: tuple[int, int]) -> bool:
    """Whether one is the other, moved by the step, wherever both show something."""
    (rows, others_rows), (columns, others_columns) = map(_overlap, step)
    return np.array_equal(view[..., rows, columns], other[..., others_rows, others_columns])


def _overlap(step: int) -> tuple[slice, slice]:
    if step >= 0:
        return slice(step, None), slice(None, -step or None)
    return slice(None, step), slice(-step, None)


def _root(root: list[int], i: int) -> int:
    while root[i] != i:
        i = root[i]
    return i
