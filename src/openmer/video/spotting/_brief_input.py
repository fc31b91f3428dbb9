"""What the learned spotter is given: brief motion of the face and what else happens around it.

Everything is on an even grid of 30 samples a second, whatever the rate of the video.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from openmer.video.faces._patch import FACE_WIDTH_PX
from openmer.video.faces._resample import UniformRun

Floats = NDArray[np.float64]
Values = TypeVar("Values", NDArray[np.float32], NDArray[np.float64])

RATE_HZ = 30.0
_UNIT_PX = FACE_WIDTH_PX / 200  # movements are told in pixels of a face 200 px wide
_MOST = 4.0  # of each number of the context
_UPPER, _LOWER, _INNER = slice(1, 4), slice(6, 10), slice(2, 8)  # cells of the patch
_ABOUT_S = (0.5, 1.5)  # over which the restlessness of the face is averaged
_TALK_S = 0.5
_PART = 4096  # samples that are resampled together
CONTEXT = 15  # numbers that tell what else happens


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BriefInput:
    """Input of the filters.

    Attributes:
        moved: Movement of each cell within a tenth of a second, pixels of a face 200 px wide,
            ``(samples, cells, cells, 2)``; 0 where it was not measured.
        missing: Samples at which it was not measured, ``(samples,)``.
        pose: Yaw, pitch and roll, degrees, ``(samples, 3)``.
        parts: Distance of the lids, right and left, opening and width of the mouth, ``(samples,
            4)``, as in `Seen.signals`.
        spread_px: As in `Seen.signals`, ``(samples,)``.
    """

    moved: NDArray[np.floating]
    missing: NDArray[np.bool_]
    pose: Floats
    parts: Floats
    spread_px: Floats


def brief_input(run: UniformRun) -> BriefInput:
    """Resample a piece of the curves for the filters."""
    count = len(run.regions_px)
    samples = int((count - 1) * run.step_s * RATE_HZ + 1e-6) + 1
    at = np.minimum(np.arange(samples) / RATE_HZ / run.step_s, count - 1)
    low = np.minimum(at.astype(np.int64), max(count - 2, 0))
    high = np.minimum(low + 1, count - 1)
    share = at - low

    def on_grid(values: Floats) -> Floats:
        return between(values[low], values[high], share)

    moved, missing = _brief_on_grid(run, samples)
    names = ("right_lids", "left_lids", "mouth_opening", "mouth_width")
    return BriefInput(
        moved=moved,
        missing=missing,
        pose=on_grid(np.stack([run.signal(name) for name in ("yaw", "pitch", "roll")], 1)),
        parts=on_grid(np.stack([run.signal(name) for name in names], 1)),
        spread_px=on_grid(run.signal("spread_px")),
    )


def between(before: Values, after: Values, share: NDArray[np.floating]) -> Values:
    """Interpolate between rows, ``(samples, ...)``, by the share of the later, ``(samples,)``."""
    weight = share.reshape(-1, *[1] * (before.ndim - 1))
    return np.asarray(before * (1 - weight) + after * weight)


def _brief_on_grid(run: UniformRun, samples: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Resample brief motion part by part, so that an hour needs no copies of itself."""
    times_s = run.times_s - run.times_s[0]
    grid_s = np.arange(samples) / RATE_HZ
    low = np.clip(np.searchsorted(times_s, grid_s, "right") - 1, 0, max(len(times_s) - 2, 0))
    high = np.minimum(low + 1, len(times_s) - 1)
    apart_s = np.maximum(times_s[high] - times_s[low], 1e-9)
    share = np.clip((grid_s - times_s[low]) / apart_s, 0, 1).astype(np.float32)
    moved = np.empty((samples, *run.brief_px.shape[1:]), np.float32)
    for start in range(0, samples, _PART):
        part = slice(start, start + _PART)
        before, after = (run.brief_px[rows[part]].astype(np.float32) for rows in (low, high))
        moved[part] = between(before, after, share[part]) / np.float32(_UNIT_PX)
    missing = np.asarray(np.isnan(moved.reshape(samples, -1)).any(1))
    moved[missing] = 0
    return moved, missing


def context_of(seen: BriefInput) -> NDArray[np.float32]:
    """Compute what else happens around each sample: turning, lids, mouth, noise.

    Returns:
        ``(samples, CONTEXT)``, -4..4.
    """
    yaw, pitch, roll = (_speed(column) for column in seen.pose.T)
    lids, mouth = seen.parts[:, :2].mean(1), seen.parts[:, 2:]
    usual = max(float(np.percentile(lids, 80)), 1e-3)
    opens, widens = _speed(mouth[:, 0]), _speed(mouth[:, 1])
    talk = _TALK_S * RATE_HZ
    columns = [
        np.hypot(yaw, pitch) / 10, roll / 10, lids / usual - 1, _speed(lids) / usual,
        5 * mouth[:, 0], 5 * opens, 5 * widens, np.log(seen.spread_px + 0.05),
        10 * gaussian_filter1d(opens, talk), 10 * gaussian_filter1d(widens, talk),
    ]  # fmt: skip
    length = np.hypot(seen.moved[..., 0], seen.moved[..., 1])
    for rows in (_UPPER, _LOWER):
        noise = np.minimum(length[:, rows, _INNER].mean((1, 2)), 5.0)
        for about_s in _ABOUT_S:
            columns.append(np.log(gaussian_filter1d(noise, about_s * RATE_HZ) + 0.05))
    columns.append(2.0 * seen.missing)
    return np.asarray(np.clip(np.stack(columns, 1), -_MOST, _MOST), np.float32)


def _speed(values: Floats) -> Floats:
    """Compute how fast a value changes, a second."""
    if len(values) < 2:
        return np.zeros(len(values))
    return np.asarray(np.abs(np.gradient(gaussian_filter1d(values, 1.0))) * RATE_HZ)
