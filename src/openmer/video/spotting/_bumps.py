"""Brief movements that come and go, found by matched filters in the curves of all regions.

For each of several durations a raised cosine on a straight line is fitted around every sample: how
high it is, and how much of what is there it explains. A step, a drift or a tremble is no bump.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from openmer.video.faces._resample import UniformRun
from openmer.video.spotting._regions import REGIONS

Floats = NDArray[np.float64]

_LASTS_S = (0.1, 0.13, 0.17, 0.22, 0.28, 0.35, 0.42, 0.5)
_MARGIN_S = 0.1
_NOISE_S = 10.0  # window of the running median that the noise of a region is
_RAYLEIGH = 1.1774  # median length of a vector of two unit normal numbers
_PAIRS = ("outer brow", "inner brow", "cheek", "wing of the nose", "corner of the mouth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bump:
    """A movement that came and went; samples of the piece.

    Attributes:
        apex: Sample of its largest extent.
        half: Samples from onset to apex.
        channel: Which regions move, a row of `channel_regions`.
        size_px: Its height, pixels of the patch.
        ratio: Over the noise of this channel.
        shape: Share of the changes around it that it explains, 0..1.
    """

    apex: int
    half: float
    channel: int
    size_px: float
    ratio: float
    shape: float


@lru_cache(maxsize=1)
def channel_regions() -> NDArray[np.bool_]:
    """Which regions belong to each channel: each alone, then both sides, then all brows."""
    pairs = [[name.endswith(pair) for name in REGIONS] for pair in _PAIRS]
    brows = ["brow" in name for name in REGIONS]
    return np.array([*np.eye(len(REGIONS), dtype=bool), *pairs, brows])


def channels(regions_px: Floats) -> Floats:
    """Mean displacement of each channel, ``(samples, channels, 2)``, x of two sides outwards."""
    mirrored = regions_px.copy()
    mirrored[:, [name.startswith("right") for name in REGIONS], 0] *= -1
    chosen = channel_regions()
    shares = chosen / chosen.sum(1, keepdims=True)
    return np.einsum("cr,nrd->ncd", shares, mirrored)


def bumps_of(run: UniformRun, least_ratio: float, least_px: float, reach: Floats) -> list[Bump]:
    """Find bumps above the noise of their channel, the best one at each time.

    Args:
        run: One piece of the curves.
        least_ratio: Height over noise from which a bump counts.
        least_px: Least height.
        reach: Factors on the noise, ``(samples, channels)``; infinite where nothing is looked at.
    """
    values = channels(run.regions_px)
    best = np.zeros(values.shape[:2])
    found: list[tuple[Floats, Floats, float, int]] = []
    for kernel in _kernels(run.step_s):
        if len(kernel.weights) > len(values):
            continue
        height = np.linalg.norm(_filtered(values, kernel.weights), axis=2)
        window = min(run.samples(_NOISE_S), len(values)) | 1
        noise = median_filter(height, size=(window, 1), mode="reflect") / _RAYLEIGH
        ratio = height / np.maximum(noise, least_px / least_ratio) / reach
        found.append((height, ratio, kernel.energy, kernel.samples))
    if not found:
        return []
    gain = np.stack([height**2 * energy for height, _, energy, _ in found])
    chosen = gain.argmax(0)
    at, channel = np.indices(chosen.shape)
    best = np.stack([ratio for _, ratio, _, _ in found])[chosen, at, channel]
    heights = np.stack([height for height, _, _, _ in found])[chosen, at, channel]
    kernels = [k for k in _kernels(run.step_s) if len(k.weights) <= len(values)]
    return _apart(values, best, heights, chosen, kernels, least_ratio)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Kernel:
    """Weights that give the height of a bump, its energy without a line, and its length."""

    weights: Floats
    energy: float
    samples: int
    line: Floats


@lru_cache(maxsize=8)
def _kernels(step_s: float) -> tuple[_Kernel, ...]:
    found: dict[int, _Kernel] = {}
    for lasts_s in _LASTS_S:
        count = max(2, round(lasts_s / step_s))
        if count in found:
            continue
        side = -(-count // 2) + max(2, round(_MARGIN_S / step_s))
        at = np.arange(-side, side + 1, dtype=np.float64)
        bump = np.where(np.abs(at) < count / 2, 0.5 + 0.5 * np.cos(2 * np.pi * at / count), 0.0)
        line = np.column_stack([np.ones_like(at), at])
        rest = bump - line @ np.linalg.lstsq(line, bump, rcond=None)[0]
        energy = float(rest @ rest)
        found[count] = _Kernel(weights=rest / energy, energy=energy, samples=count, line=line)
    return tuple(found.values())


def _filtered(values: Floats, weights: Floats) -> Floats:
    side = len(weights) // 2
    padded = np.pad(values, ((side, side), (0, 0), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(weights), axis=0)
    return np.asarray(windows @ weights)


def _apart(
    values: Floats,
    ratio: Floats,
    heights: Floats,
    chosen: NDArray[np.int64],
    kernels: list[_Kernel],
    least_ratio: float,
) -> list[Bump]:
    """Take the best bump, forget what overlaps it, and go on."""
    left = ratio.copy()
    bumps = []
    while True:
        at, channel = np.unravel_index(int(left.argmax()), left.shape)
        if not left[at, channel] >= least_ratio:
            return bumps
        kernel = kernels[chosen[at, channel]]
        side = len(kernel.weights) // 2
        half = kernel.samples / 2
        left[max(0, int(at - half - 1)) : int(at + half + 2)] = 0
        if at < side or at + side >= len(values):
            continue
        window = values[at - side : at + side + 1, channel]
        fitted = np.linalg.lstsq(kernel.line, window, rcond=None)[0]
        energy = float(((window - kernel.line @ fitted) ** 2).sum())
        explained = heights[at, channel] ** 2 * kernel.energy / max(energy, 1e-12)
        bumps.append(
            Bump(
                apex=int(at), half=half, channel=int(channel), size_px=float(heights[at, channel]),
                ratio=float(ratio[at, channel]), shape=float(explained),
            )
        )  # fmt: skip
