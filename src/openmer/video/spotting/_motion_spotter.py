"""What the motion spotter does with curves: thresholds, peaks, and where a movement ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, median_filter
from scipy.signal import find_peaks

from openmer.video.faces._patch import EYE_DISTANCE_PX, FACE_WIDTH_PX
from openmer.video.faces._resample import UniformRun
from openmer.video.spotting._regions import MOUTH, NEAR_EYES, REGIONS
from openmer.video.spotting._settings import SpotSettings

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_NEAR_EYES = np.isin(REGIONS, NEAR_EYES)
_MOUTH = np.isin(REGIONS, MOUTH)
_BELOW_EYES = np.array(["cheek" in name for name in REGIONS])
_BESIDE_MOUTH = np.array(["cheek" in name or "wing" in name for name in REGIONS])
_RAYLEIGH = 1.1774  # median length of a vector of two unit normal numbers
_JOIN_S = 0.08  # two peaks of one movement
_BLINK_S = 0.1  # kept around a blink
_EYES_S = 3.0  # window of what is usual for the contrast of the eyes
_SHUT = (0.8, 1.35)  # of that; a raised lid gives less than the larger one
_TALK_S = (1.0, 0.5)  # looked at to each side; kept around talking
_TALK_TURNS = 5  # ups and downs within that time


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A movement, times in seconds since the start of the piece.

    Attributes:
        times_s: Onset, apex and offset.
        strength: Largest movement over its threshold.
        peak_px: Largest movement of a region.
        regions: Regions that moved most, the strongest first.
        gates: Why it is no event, as names of gates; empty where it is one.
    """

    times_s: tuple[float, float, float]
    strength: float
    peak_px: float
    regions: tuple[str, ...]
    gates: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """From onset to offset."""
        return self.times_s[2] - self.times_s[0]


def candidates_of(run: UniformRun, settings: SpotSettings) -> list[Candidate]:
    """Movements that pass their threshold, brief ones and long ones; they may overlap."""
    found: list[Candidate] = []
    place = gaussian_filter1d(run.regions_px, settings.smooth_s / run.step_s, axis=0)
    factor = _factors(run, place, settings)
    for window_s in (settings.brief_s, settings.long_s):
        length = np.linalg.norm(place - _median(run, place, window_s), axis=2)
        threshold = factor * _threshold(run, length, window_s, settings)
        found += _peaks(run, length, length / threshold, settings)
    return [c for c in found if c.duration_s <= settings.longest_s]


def kept_apart(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Keep the strongest of those that overlap; a long one before the brief ones in it."""
    kept: list[Candidate] = []
    for one in sorted(candidates, key=lambda c: (c.duration_s <= 0.5, -c.strength)):
        if all(one.times_s[2] <= k.times_s[0] or k.times_s[2] <= one.times_s[0] for k in kept):
            kept.append(one)
    return kept


def _median(run: UniformRun, values: Floats, window_s: float) -> Floats:
    """Compute a running median along time; over long windows of every few samples only."""
    size = run.samples(window_s) | 1
    skip = max(1, size // 60)
    coarse = values[::skip]
    size = max(3, min(size // skip, 2 * len(coarse) - 1) | 1)
    middle = median_filter(coarse, size=(size, *[1] * (values.ndim - 1)), mode="reflect")
    if skip == 1:
        return np.asarray(middle)
    at, known = np.arange(len(values)), np.arange(len(coarse)) * skip
    columns = [np.interp(at, known, c) for c in middle.reshape(len(coarse), -1).T]
    return np.stack(columns, axis=1).reshape(values.shape)


def _threshold(run: UniformRun, length: Floats, window_s: float, settings: SpotSettings) -> Floats:
    """Compute the threshold of each region at each time, ``(samples, regions)``."""
    noise = _median(run, length, settings.noise_window_s) / _RAYLEIGH
    floor = np.maximum(settings.threshold * noise, settings.least_px)
    scale = np.array([EYE_DISTANCE_PX, EYE_DISTANCE_PX, FACE_WIDTH_PX / 2, FACE_WIDTH_PX / 2])
    head_px = run.head * scale
    head = np.linalg.norm(head_px - _median(run, head_px, window_s), axis=1)
    reach = run.samples(0.15) | 1
    extra = settings.per_head * maximum_filter1d(head, reach)
    warp = np.linalg.norm(run.warp_px - _median(run, run.warp_px, window_s), axis=1)
    extra += settings.per_warp * maximum_filter1d(warp, reach)
    return np.asarray(floor + extra[:, None])


def _factors(run: UniformRun, place: Floats, settings: SpotSettings) -> Floats:
    """Factors on the thresholds for blinks and talking, ``(samples, regions)``."""
    factor = np.ones(place.shape[:2])
    blinking, talking = _blinks(run), _talks(run, place, settings)
    factor[np.ix_(blinking, _BELOW_EYES)] *= settings.blink
    factor[np.ix_(talking, _BESIDE_MOUTH)] *= settings.talk
    factor[np.ix_(blinking, _NEAR_EYES)] = np.inf
    factor[np.ix_(talking, _MOUTH)] = np.inf
    return factor


def _blinks(run: UniformRun) -> Flags:
    """Find samples in and near a blink, when the contrast of the eyes changes briefly."""
    usual = np.maximum(_median(run, run.eyes[:, None], _EYES_S)[:, 0], 1e-3)
    share = run.eyes / usual
    return _widened((share < _SHUT[0]) | (share > _SHUT[1]), run.samples(_BLINK_S))


def _widened(flags: Flags, samples: int) -> Flags:
    return np.asarray(maximum_filter1d(flags.astype(np.uint8), 2 * samples + 1) > 0)


def _talks(run: UniformRun, place: Floats, settings: SpotSettings) -> Flags:
    """Find samples in which the lower lip goes up and down several times within two seconds."""
    lower = place[:, REGIONS.index("lower lip"), 1] + place[:, REGIONS.index("chin"), 1]
    turns = np.zeros(len(lower))
    for sign in (1, -1):
        peaks, _ = find_peaks(sign * lower, prominence=2 * settings.least_px)
        turns[peaks] = 1
    reach = run.samples(_TALK_S[0])
    near = np.convolve(turns, np.ones(2 * reach + 1))[reach : reach + len(turns)]
    return _widened(near >= _TALK_TURNS, run.samples(_TALK_S[1]))


def _peaks(
    run: UniformRun, length: Floats, ratio: Floats, settings: SpotSettings
) -> list[Candidate]:
    """Every stretch in which some region passes its threshold, as one movement."""
    over = _widened(ratio.max(1) > 1, run.samples(_JOIN_S) // 2)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], over.astype(int), [0]])))
    found = []
    for first, end in edges.reshape(-1, 2):
        apex = first + int(np.argmax(ratio[first:end].max(1)))
        found.append(_movement(run, length, ratio, apex, settings))
    return found


def _movement(
    run: UniformRun, length: Floats, ratio: Floats, apex: int, settings: SpotSettings
) -> Candidate:
    """Measure the movement around a peak."""
    order = np.argsort(-ratio[apex])
    strong = [int(r) for r in order if ratio[apex, r] >= 0.5 * ratio[apex, order[0]]]
    share = ratio[apex, strong]
    curve = length[:, strong] @ (share / share.sum())
    strength, peak_px = float(ratio[apex].max()), float(length[apex].max())
    near = slice(max(0, apex - run.samples(0.05)), apex + run.samples(0.05) + 1)
    apex = near.start + int(np.argmax(curve[near]))
    level = settings.edge * curve[apex]
    first = _crossing(curve, apex, -1, level)
    last = _crossing(curve, apex, 1, level)
    # A raised cosine passes this share of its peak so far along its rise.
    passed = float(np.arccos(1 - 2 * settings.edge) / np.pi)
    grown = min((last - first) * run.step_s * passed / (1 - passed) / 2, 0.25)
    times = (first * run.step_s - grown, apex * run.step_s, last * run.step_s + grown)
    end = (len(curve) - 1) * run.step_s
    return Candidate(
        times_s=(max(times[0], 0.0), times[1], min(times[2], end)),
        strength=strength,
        peak_px=peak_px,
        regions=tuple(REGIONS[r] for r in strong[:4]),
    )


def _crossing(curve: Floats, apex: int, step: int, level: float) -> float:
    """Where a curve falls below a level, between two samples; its end where it never does."""
    at = apex
    while 0 <= at + step < len(curve) and curve[at + step] >= level:
        at += step
    beyond = at + step
    if not 0 <= beyond < len(curve):
        return float(at)
    fall = curve[at] - curve[beyond]
    return at + step * float((curve[at] - level) / fall) if fall > 0 else float(at)
