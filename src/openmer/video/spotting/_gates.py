"""When a face cannot be measured, or moves without an expression: gates, each with its reason.

A gate concerns some regions for a short time. What moves under it is no event, but is listed as
gated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, percentile_filter
from scipy.signal import find_peaks

from openmer.video.faces._resample import UniformRun
from openmer.video.spotting._regions import MOUTH, REGIONS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ALL = frozenset(REGIONS)
_LOWER = frozenset(MOUTH) | frozenset(n for n in REGIONS if "cheek" in n or "wing" in n)
GATED = MappingProxyType(
    {
        "blink": _ALL,
        "speech": _LOWER,
        "mouth": _LOWER,
        "turn": _ALL,
        "covered": _ALL,
        "light": _ALL,
        "gap": _ALL,
    }
)
"""Which regions each gate concerns."""

_USUAL_S = 6.0
_BLINK = 0.72  # of the usual opening of the eyes
_LID_PER_S = 2.2  # of the usual opening, how fast lids move in a blink or when eyes open
_BLINK_S = 0.5  # longest one; eyes that stay shut are gated as they close and open only
_AROUND_BLINK_S = 0.07
_SPEECH_S = (0.9, 0.35)  # looked at to each side; kept around it
_SYLLABLE = 0.016  # least change of the mouth's opening, distances of the eyes
_SYLLABLES = 5  # turns of that within the time
_MOUTH_PER_S = 0.4  # distances of the eyes, how fast a mouth opens or closes widely
_AROUND_MOUTH_S = 0.1
_TURN_DEGREES_PER_S = 45.0
_TURN_S = 0.08
_COVERED = 0.5  # similarity with the reference
_SCORE = 0.9
_LIGHT = 0.06  # change of brightness within 0.1 s
_GAP_S = 0.08


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gates:
    """When each gate is shut.

    Attributes:
        flags: By the names of `GATED`, ``(samples,)`` each.
    """

    flags: MappingProxyType[str, Flags]

    def regions(self) -> Flags:
        """Which regions are gated at each time, ``(samples, regions)``."""
        shut = np.zeros((len(next(iter(self.flags.values()))), len(REGIONS)), bool)
        for name, flags in self.flags.items():
            shut |= flags[:, None] & np.isin(REGIONS, list(GATED[name]))
        return shut

    def reasons(self, first: int, last: int, regions: Iterable[str]) -> tuple[str, ...]:
        """Names of the gates that are shut at some time for some of the regions."""
        part = slice(max(first, 0), last + 1)
        near = set(regions)
        return tuple(n for n, flags in self.flags.items() if GATED[n] & near and flags[part].any())


def gates_of(run: UniformRun) -> Gates:
    """Find when a piece of the curves is gated; it must have the mesh."""
    flags = {
        "blink": _blinks(run),
        "speech": _speech(run),
        "mouth": _mouth(run),
        "turn": _turns(run),
        "covered": _covered(run),
        "light": _light(run),
        "gap": _widened(run.gaps, run.samples(_GAP_S)),
    }
    return Gates(flags=MappingProxyType(flags))


def _opening(run: UniformRun, name: str) -> Floats:
    """Divide the opening of an eye by what is usual around."""
    values = run.signal(name)
    usual = percentile_filter(values, 80, size=min(run.samples(_USUAL_S), len(values)) | 1)
    return np.asarray(values / np.maximum(usual, 0.12))


def _blinks(run: UniformRun) -> Flags:
    """Find samples around the moments at which lids fall or rise."""
    moving = np.zeros(len(run.regions_px), bool)
    longest = run.samples(_BLINK_S)
    for side in ("right_eye", "left_eye"):
        opening = gaussian_filter1d(_opening(run, side), 0.5)
        speed = np.abs(np.gradient(opening, run.step_s))
        closed = opening < _BLINK
        near = maximum_filter1d(closed.astype(np.uint8), 2 * run.samples(0.1) + 1) > 0
        moving |= (speed > _LID_PER_S) & near
        edges = np.flatnonzero(np.diff(np.concatenate([[0], closed.astype(int), [0]])))
        for first, end in edges.reshape(-1, 2):
            moving[first:end] |= end - first <= longest
    return _widened(moving, run.samples(_AROUND_BLINK_S))


def _speech(run: UniformRun) -> Flags:
    """Find samples at which the mouth opens and closes several times; a held mouth does not."""
    opening = gaussian_filter1d(run.signal("mouth_opening"), 0.03 / run.step_s)
    turns = np.zeros(len(opening))
    for sign in (1, -1):
        turns[find_peaks(sign * opening, prominence=_SYLLABLE)[0]] = 1
    reach = run.samples(_SPEECH_S[0])
    near = np.convolve(turns, np.ones(2 * reach + 1))[reach : reach + len(turns)]
    return _widened(near >= _SYLLABLES, run.samples(_SPEECH_S[1]))


def _mouth(run: UniformRun) -> Flags:
    """Find samples at which the mouth opens or closes widely."""
    opening = gaussian_filter1d(run.signal("mouth_opening"), 0.03 / run.step_s)
    speed = np.abs(np.gradient(opening, run.step_s))
    return _widened(speed > _MOUTH_PER_S, run.samples(_AROUND_MOUTH_S))


def _turns(run: UniformRun) -> Flags:
    speed = np.zeros(len(run.regions_px))
    for name in ("yaw", "pitch", "roll"):
        angle = gaussian_filter1d(run.signal(name), 0.04 / run.step_s)
        speed = np.maximum(speed, np.abs(np.gradient(angle, run.step_s)))
    return _widened(speed > _TURN_DEGREES_PER_S, run.samples(_TURN_S))


def _covered(run: UniformRun) -> Flags:
    hidden = (run.signal("similarity") < _COVERED) | (run.signal("score") < _SCORE)
    return _widened(hidden, run.samples(0.1))


def _light(run: UniformRun) -> Flags:
    light = np.log(np.maximum(run.signal("light"), 8.0))
    by = max(1, run.samples(0.1))
    change = np.abs(light[by:] - light[:-by])
    flags = np.zeros(len(light), bool)
    flags[by:] |= change > _LIGHT
    flags[:-by] |= change > _LIGHT
    return flags


def _widened(flags: Flags, samples: int) -> Flags:
    return np.asarray(maximum_filter1d(flags.astype(np.uint8), 2 * samples + 1) > 0)
