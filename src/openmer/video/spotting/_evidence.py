"""Moments at which something brief may have happened, and the numbers by which each is rated."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, uniform_filter1d
from threadpoolctl import threadpool_limits  # scikit-learn requires it

from openmer.video.spotting._brief_input import BriefInput, context_of
from openmer.video.spotting._filters import BLOCK, LASTS_S, Responses, responses_of
from openmer.video.spotting._patterns import PLACES, Patterns, known_patterns

Array = NDArray[np.float32]
Numbers = NDArray[np.int64]

_LEAST = 2.0  # response over the mean around from which a moment is looked at
_APART = 4  # samples between two moments at one place
_AROUND = 91  # samples over which the mean is taken
_LITTLE = 0.2  # added to it, pixels
_LEVELS = (4.0, 15.0, 45.0, 150.0)  # samples over which the restlessness is averaged
_COURSE = np.arange(-14, 15, 2)  # samples around a moment at which responses are told
_STAYS = np.arange(-9, 10, 3)
_SPANS = ((-60, -10), (10, 60), (-300, -10), (10, 300))  # samples in which others are compared
_PART = 120 * BLOCK  # samples that are looked at together
_MARGIN = 22 * BLOCK  # and to each side, so that parts tell the same
_FINE = 12  # how strongly the best of the lasts counts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Peaks of the filters, by time; several may be of one movement.

    Attributes:
        at: Sample of each, ``(moments,)``.
        lasts_s: How long it lasts, as the filters have it, ``(moments,)``.
        place: Which of `PLACES` it is at, ``(moments,)``.
        evidence: What it is rated by, ``(moments, numbers)``.
    """

    at: Numbers
    lasts_s: Array
    place: Numbers
    evidence: Array


def moments_of(seen: BriefInput) -> Moments:
    """Find moments part by part, so that memory does not grow with the video."""
    context = context_of(seen)
    parts = []
    count = len(seen.moved)
    for start in range(0, count, _PART):
        end = start + _PART if count > start + _PART + _MARGIN else count
        first = max(0, start - _MARGIN)
        rows = slice(first, end + _MARGIN)
        piece = BriefInput(**{f.name: getattr(seen, f.name)[rows] for f in fields(BriefInput)})
        parts.append(_part(piece, context[rows], (start - first, end - first), first))
        if end == count:
            break
    names = [f.name for f in fields(Moments)]
    return Moments(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


def _part(seen: BriefInput, context: Array, own: tuple[int, int], first: int) -> Moments:
    """Find the moments of a part; those of its margins are compared with, and left out."""
    patterns = known_patterns()
    with threadpool_limits(1, user_api="blas"):  # small products: more threads take far longer
        found = responses_of(seen, patterns)
    peaks = _Peaks(found, patterns)
    inside = np.flatnonzero((peaks.at >= own[0]) & (peaks.at < own[1]))
    evidence = np.concatenate(
        [
            _strength(found, peaks, inside),
            _course(found, peaks, inside),
            _others(found, peaks, inside),
            context[peaks.at[inside]],
            maximum_filter1d(context, 11, axis=0)[peaks.at[inside]],
            _places(found, patterns, peaks, inside),
        ],
        axis=1,
    )
    each = found.returning[peaks.at[inside], peaks.pattern[inside]]
    shares = np.clip(each / peaks.size[inside, None], 0, 1) ** _FINE
    return Moments(
        at=peaks.at[inside] + first,
        lasts_s=(shares @ np.array(LASTS_S) / np.maximum(shares.sum(1), 1e-9)).astype(np.float32),
        place=patterns.place[peaks.pattern[inside]],
        evidence=evidence.astype(np.float32),
    )


class _Peaks:
    """Peaks over time of the best response at each place, over its mean around."""

    def __init__(self, found: Responses, patterns: Patterns) -> None:
        around = uniform_filter1d(np.abs(found.returning).mean(2), _AROUND, axis=0)
        self.noise = around + np.float32(_LITTLE)
        over = found.returning / self.noise[:, :, None]
        samples, _, lasts = over.shape
        best, rows = [], []
        for place in range(len(PLACES)):
            own = np.flatnonzero(patterns.place == place)
            flat = over[:, own].reshape(samples, -1)
            best.append(flat.max(1))
            for at in _highest(best[-1]):
                which, last = divmod(int(flat[at].argmax()), lasts)
                rows.append((at, own[which], last))
        table = np.array(sorted(rows), np.int64).reshape(-1, 3)
        self.at, self.pattern, self.last = table.T
        self.best = np.stack(best, 1)
        self.ratio = over[self.at, self.pattern, self.last]
        self.size = found.returning[self.at, self.pattern, self.last]


def _highest(values: Array) -> Numbers:
    """Return samples that nothing near exceeds, not at the ends."""
    highest = maximum_filter1d(values, 2 * _APART + 1)
    at = np.flatnonzero((values >= highest) & (values > _LEAST))
    at = at[(at >= _APART) & (at < len(values) - _APART)]
    return at[np.diff(at, prepend=-2 * _APART) > _APART]


def _strength(found: Responses, peaks: _Peaks, inside: Numbers) -> Array:
    """How strong each is, alone and beside how restless the face is."""
    at, pattern, last = (v[inside] for v in (peaks.at, peaks.pattern, peaks.last))
    size = peaks.size[inside]
    energy = found.energy
    root = np.sqrt(energy[at, last])
    second = uniform_filter1d(np.sqrt(energy).mean(1), 61)[at] + _LITTLE
    rest = [np.sqrt(gaussian_filter1d(energy.mean(1), s))[at] for s in _LEVELS]
    noise = np.log(peaks.noise + 0.01)
    gain = found.gain[at, pattern]
    columns = [
        peaks.ratio[inside], size / np.sqrt(second * root), noise[at, pattern],
        noise.mean(0)[pattern], size, size / np.maximum(root, 1e-3), np.log(size / gain + 0.01),
        np.log(energy[at, last] + 0.01), np.log(gain), *(np.log(one + 0.01) for one in rest),
        *(size / (one + _LITTLE) for one in rest),
    ]  # fmt: skip
    return np.stack(columns, 1)


def _course(found: Responses, peaks: _Peaks, inside: Numbers) -> Array:
    """How responses rise and fall around each: whether it comes and goes, and stays away."""
    at, pattern, last = (v[inside, None] for v in (peaks.at, peaks.pattern, peaks.last))
    size = peaks.size[inside, None]
    ends = len(found.energy) - 1
    near, far = np.clip(at + _COURSE, 0, ends), np.clip(at + _STAYS, 0, ends)
    energy = np.log(found.energy + 0.01)
    columns = [
        found.returning[at[:, 0], pattern[:, 0]] / size,
        found.staying[at, pattern] / size,
        found.returning[near, pattern, last] / size,
        energy[near, last] - energy[at, last],
        found.staying[far, pattern] / size,
    ]
    return np.concatenate(columns, 1)


def _others(found: Responses, peaks: _Peaks, inside: Numbers) -> Array:
    """How each compares with what else happens within ten seconds."""
    strongest = np.abs(found.returning).max((1, 2))
    best = peaks.best.max(1)
    rows = []
    for one in inside:
        at, pattern, last = int(peaks.at[one]), peaks.pattern[one], peaks.last[one]
        ratio, size = peaks.ratio[one], peaks.size[one]
        row: list[float] = []
        for low, high in _SPANS:
            span = slice(max(at + low, 0), max(at + high, 0))
            row += [best[span].max(initial=0) / ratio, strongest[span].max(initial=0) / size]
            row.append(np.abs(found.returning[span, pattern, last]).max(initial=0) / size)
        away = np.abs(peaks.at - at)
        near = peaks.ratio[away < 300]
        row += [
            np.log1p((peaks.ratio[away < 90] > 0.8 * ratio).sum()),
            np.log1p((near > 0.8 * ratio).sum()),
            (near > ratio).mean(), np.log1p((near > ratio).sum()),
        ]  # fmt: skip
        rows.append(row)
    return np.array(rows, np.float32).reshape(len(inside), 3 * len(_SPANS) + 4)


def _places(found: Responses, patterns: Patterns, peaks: _Peaks, inside: Numbers) -> Array:
    """How the other places and patterns respond meanwhile."""
    at, pattern, last = (v[inside] for v in (peaks.at, peaks.pattern, peaks.last))
    size, ratio = peaks.size[inside, None], peaks.ratio[inside, None]
    around = np.clip(at[:, None] + np.arange(-2, 3), 0, len(found.energy) - 1)
    each = np.abs(found.returning[around, :, last[:, None]]).max(1)
    places = np.arange(len(PLACES))
    by_place = np.stack([each[:, patterns.place == p].max(1) for p in places], 1)
    columns = [
        by_place / size,
        peaks.best[around].max(1) / ratio,
        found.returning[at, :, last] / size,
        patterns.place[pattern][:, None] == places,
        patterns.is_both[pattern][:, None],
        np.array(LASTS_S)[last][:, None],
    ]
    return np.concatenate(columns, 1)
