"""Clips that show the same thing: encoded again, flipped, moved, resized, or begun a frame later.

All pairs are compared by correlation at 32 pixels, flipped as well, with small shifts; what is
alike there is laid on each other at full size, enlarged and reduced by some percent. Two subjects
never show the same face in the same light. Two clips of one subject do, so they are copies only if
what moves is the same, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from types import MappingProxyType

import numpy as np
from scipy import fft

from openmer.clip import Clip
from openmer.evaluation._audit_stamp import Finding
from openmer.evaluation.audit._pictures import Picture, read_pictures, scaled
from openmer.training import FloatArray

# Correlations at 32 pixels from which on a pair is looked at closely.
_SCREEN = MappingProxyType({"frames": 0.7, "flow": 0.6})
_HOPELESS = 0.6  # a correlation at equal size that no other size makes one of a copy
_SCREEN_SIDE = 32
_REACH = 5  # pixels of the screen: how far a copy may be shifted
_SCALES = (1.0, 0.94, 0.97, 1.03, 1.06)
# Correlations of copies. Between different clips of the real flow of the MEGC 2019 composite the
# largest ones are 0.87 (two subjects) and 0.93 (one); see docs/explanation/leakage.md.
SAME_FACE, _SAME_PICTURE, _SAME_MOTION = 0.95, 0.85, 0.85
_HALF_HIDDEN, _VERY_SAME_MOTION = 0.5, 0.97  # by a mark or a frame around the copy
_SAME_MOTION_OF_ONE, _LIKE_MOTION_OF_ONE = 0.95, 0.92
_SAME_FLOW, _SAME_FLOW_OF_ONE = 0.93, 0.97
_ENLARGED = (1.12, 1.25)


def _enlarged(picture: Picture, factor: float) -> Picture:
    return picture.changed(lambda planes: scaled(planes, factor))


# How one picture of a pair may have been changed to the other, in words.
VIEWS: Mapping[str, Callable[[Picture], Picture]] = MappingProxyType(
    {
        "": lambda one: one,
        "flipped": Picture.flipped,
        "upside down": lambda one: one.changed(lambda planes: planes[:, ::-1]),
        "turned by half": lambda one: one.changed(lambda planes: planes[:, ::-1, ::-1]),
        "turned by a quarter": lambda one: one.changed(lambda p: np.rot90(p, axes=(1, 2))),
        "over the diagonal": lambda one: one.changed(lambda p: np.swapaxes(p, 1, 2)),
        "as a negative": lambda one: one.changed(np.negative),
        "flipped, as a negative": lambda one: one.flipped().changed(np.negative),
        "cut closer": partial(_enlarged, factor=_ENLARGED[0]),
        "cut much closer": partial(_enlarged, factor=_ENLARGED[1]),
        "flipped and cut closer": lambda one: _enlarged(one.flipped(), _ENLARGED[0]),
        "flipped and cut much closer": lambda one: _enlarged(one.flipped(), _ENLARGED[1]),
    }
)
_VIEWS_OF_FLOW = ("", "flipped")
_BOTH_WAYS = frozenset(
    {"", "flipped", "upside down", "turned by half", "over the diagonal", "as a negative"}
    | {"flipped, as a negative"}
)
_SHARED = 0.5  # of the shorter clip's frames: more is a copy, less a note


_LIKE = (
    "move so much alike that they may be one clip, which would be tested twice. Look at both, and "
    "keep one if so."
)
_ONE_FACE = (
    "show the same face in the same light. If both ids are one subject, give both clips one id "
    "(--same-subject A=B)."
)


@dataclass(frozen=True, slots=True)
class _Match:
    """How well one picture lies on another: correlations of the face and of what moves."""

    face: float
    motion: float
    clips: tuple[str, ...] = ()
    remark: str = ""


def check_pictures(clips: Sequence[Clip]) -> list[Finding]:
    """Find clips whose frames or flow are those of another clip, whatever was done to the files.

    Clips without readable frames or flow are not compared.
    """
    pictures = read_pictures(clips)
    found: dict[tuple[str, ...], list[_Match]] = defaultdict(list)
    for kind in ("frames", "flow"):
        known = [i for i, one in enumerate(pictures) if one is not None and one.kind == kind]
        shown = [one for one in (pictures[i] for i in known) if one is not None]
        for i, j, view in alike_pairs(shown, _SCREEN[kind]):
            one, other = clips[known[i]], clips[known[j]]
            match = match_of(shown[i], VIEWS[view](shown[j]))
            two = one.subject_id != other.subject_id
            pair = (one.subject_id, other.subject_id) if two else (one.key, other.key)
            remark = _remark(match, two=two, flow=kind == "flow", view=view)
            if remark:
                named = replace(match, clips=(one.key, other.key), remark=remark)
                found[tuple(sorted(pair))].append(named)
    return [_finding(matches) for matches in found.values()]


def _finding(matches: Sequence[_Match]) -> Finding:
    """Report the pair of two subjects that is most alike, and how many others there are."""
    best = max(matches, key=lambda match: (match.motion, match.face))
    more = f" {len(matches) - 1} more pairs of them are alike." if len(matches) > 1 else ""
    return Finding(
        check="copies",
        severity="note" if best.remark == _LIKE else "leak",
        fold="",
        message=(
            f"{' and '.join(best.clips)} {best.remark} Correlation {best.face:.3f}, of what moves "
            f"{best.motion:.3f}.{more}"
        ),
    )


def check_intervals(clips: Sequence[Clip]) -> list[Finding]:
    """Find clips of one folder whose frames overlap."""
    by_folder: dict[Path, list[tuple[Clip, set[Path]]]] = defaultdict(list)
    for clip in clips:
        frames = _frames_of(clip)
        if frames:
            by_folder[clip.frame_paths[0].parent].append((clip, frames))
    findings = []
    for inside in by_folder.values():
        for (one, own), (other, theirs) in combinations(inside, 2):
            shared = len(own & theirs)
            if shared:
                findings.append(_overlap(one, other, shared, shared / min(len(own), len(theirs))))
    return findings


def _frames_of(clip: Clip) -> set[Path]:
    if clip.frame_paths:
        last = len(clip.frame_paths) if clip.offset is None else clip.offset + 1
        return set(clip.frame_paths[clip.onset or 0 : last])
    return set()


def _overlap(one: Clip, other: Clip, shared: int, share: float) -> Finding:
    two = one.subject_id != other.subject_id
    why = "would train the model that is tested on it" if two else "would be tested twice"
    return Finding(
        check="intervals",
        severity="leak" if two or share > _SHARED else "note",
        fold="",
        message=(
            f"{one.key} and {other.key} have {shared} frames in common, {share:.0%} of the shorter "
            f"one: what they show {why}. Leave one of them out."
        ),
    )


def _remark(match: _Match, *, two: bool, flow: bool, view: str) -> str:
    """Say what clips that look alike are to each other; empty where they are nothing."""
    same = f"are the same {'flow' if flow else 'picture'}{' ' * bool(view)}{view}. "
    if two:
        if match.face >= _SAME_FLOW if flow else _is_copy(match, _SAME_MOTION):
            return same + "A copy of a held-out clip would train. Leave one of them out."
        return _ONE_FACE if not flow and match.face >= SAME_FACE else ""
    if match.face >= _SAME_FLOW_OF_ONE if flow else _is_copy(match, _SAME_MOTION_OF_ONE):
        return same + "It would be tested twice. Keep one of them."
    return _LIKE if not flow and _is_copy(match, _LIKE_MOTION_OF_ONE) else ""


def _is_copy(match: _Match, motion: float) -> bool:
    """Whether the face is the same and moves the same; or half hidden, and moves very much so."""
    hidden = match.face >= _HALF_HIDDEN and match.motion >= _VERY_SAME_MOTION
    return hidden or (match.face >= _SAME_PICTURE and match.motion >= motion)


def alike_pairs(pictures: Sequence[Picture], least: float) -> Iterator[tuple[int, int, str]]:
    """Yield pairs that correlate at a small size, and how the second is to be seen for that."""
    if len(pictures) < 2:
        return
    best: dict[tuple[int, int], tuple[float, int, str]] = {}
    own = _spectra([picture.onset for picture in pictures]).conj()
    for view in VIEWS if pictures[0].kind == "frames" else _VIEWS_OF_FLOW:
        seen = _spectra([VIEWS[view](picture).onset for picture in pictures])
        for i in range(len(pictures)):
            first = i + 1 if view in _BOTH_WAYS else 0
            peaks = _peaks(own[i] * seen[first:])
            for j in (first + np.flatnonzero(peaks >= least)).tolist():
                pair, found = (min(i, j), max(i, j)), (float(peaks[j - first]), i, view)
                best[pair] = max(best.get(pair, found), found)
    for (one, other), (_, i, view) in best.items():
        if one != other:
            yield i, other if i == one else one, view


def _spectra(planes: Sequence[FloatArray]) -> np.ndarray[tuple[int, ...], np.dtype[np.complex64]]:
    """Return spectra of the pictures at a small size, each of length one."""
    small = np.stack([halved(plane) for plane in planes])
    window = (np.hanning(_SCREEN_SIDE + 2)[1:-1] ** 0.25).astype(np.float32)
    small *= window * window[:, None]
    length = np.sqrt((small**2).sum(axis=(1, 2, 3), keepdims=True)) + 1e-9
    return np.fft.rfft2(small / length).astype(np.complex64)


def halved(plane: FloatArray) -> FloatArray:
    """Reduce planes to the size at which all pairs are compared."""
    step = plane.shape[-1] // _SCREEN_SIDE
    parts = plane.reshape(len(plane), _SCREEN_SIDE, step, _SCREEN_SIDE, step)
    return np.asarray(parts.mean(axis=(2, 4)), np.float32)


def _peaks(cross: np.ndarray[tuple[int, ...], np.dtype[np.complex64]]) -> FloatArray:
    """Return the largest correlation of each pair within reach."""
    found = fft.irfft2(cross.sum(axis=1), s=(_SCREEN_SIDE, _SCREEN_SIDE))
    near = np.r_[0 : _REACH + 1, -_REACH:0]
    return np.asarray(found[:, near[:, None], near].max(axis=(1, 2)), np.float32)


def match_of(one: Picture, other: Picture) -> _Match:
    """Lay one picture on another as well as can be, and correlate what they share."""
    best = _Match(-1.0, -1.0)
    for scale in _SCALES:
        onset = scaled(other.onset, scale)
        down, right = _shift(one.onset, onset)
        face = _correlation(*_shared_part(one.onset, onset, down, right, scale))
        if face > best.face:
            motion = face
            if one.motion is not None and other.motion is not None:
                moved = scaled(other.motion, scale)
                motion = _correlation(*_shared_part(one.motion, moved, down, right, scale))
            best = _Match(face, motion)
        if best.face < _HOPELESS:  # the first scale is 1
            break
    return best


def _shift(one: FloatArray, other: FloatArray) -> tuple[int, int]:
    """Return by how many rows and columns the second lies off the first."""
    side = one.shape[-1]
    reach = _REACH * side // _SCREEN_SIDE
    cross = (np.fft.rfft2(one) * np.fft.rfft2(other).conj()).sum(axis=0)
    found = np.fft.irfft2(cross, s=(side, side))
    near = np.r_[0 : reach + 1, -reach:0]
    place = np.unravel_index(found[near[:, None], near].argmax(), (len(near), len(near)))
    return int(near[place[0]]), int(near[place[1]])


def _shared_part(
    one: FloatArray, other: FloatArray, down: int, right: int, scale: float
) -> tuple[FloatArray, FloatArray]:
    """Cut out what both show, without what enlarging left empty."""
    side = one.shape[-1]
    edge = 1 + (0 if scale >= 1 else int(np.ceil(side * (1 - scale) / 2)))
    rows, others_rows = _overlapping(down, side, edge)
    columns, others_columns = _overlapping(right, side, edge)
    return one[:, rows, columns], other[:, others_rows, others_columns]


def _overlapping(step: int, side: int, edge: int) -> tuple[slice, slice]:
    begin, end = max(0, step) + edge, side + min(0, step) - edge
    return slice(begin, end), slice(begin - step, end - step)


def _correlation(one: FloatArray, other: FloatArray) -> float:
    """Return Pearson's correlation; 0 where one of them is flat."""
    a, b = (
        one - one.mean(axis=(1, 2), keepdims=True),
        other - other.mean(axis=(1, 2), keepdims=True),
    )
    length = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / length if length > 1e-6 else 0.0
