"""Brief movements that come and go, found by matched filters in the curves of all regions.

For each of several durations a raised cosine on a straight line is fitted around every sample: how
high it is, and how much of what is there it explains. A step or a tremble is no bump.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d, median_filter, uniform_filter1d

from openmer.video.faces._resample import UniformRun
from openmer.video.spotting._regions import REGIONS

Floats = NDArray[np.float64]

_LASTS_S = (0.1, 0.13, 0.17, 0.22, 0.28, 0.35, 0.42, 0.5)
_MARGIN_S = 0.1
_STEP = 1.0  # largest difference of the levels before and after a bump, over its height
_NEARLY = 0.8  # of the best ratio that a duration must have to be chosen for its shape
_NOISE_S = 1.5  # around a bump, of which the noise of a region is made
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
    flipped = regions_px.copy()
    flipped[:, [name.startswith("right") for name in REGIONS], 0] *= -1
    chosen = channel_regions()
    shares = chosen / chosen.sum(1, keepdims=True)
    return np.asarray(np.einsum("cr,nrd->ncd", shares, flipped))


class Bumps:
    """Bumps of all durations in one piece of the curves.

    Args:
        run: The piece.
        least_px: Least height; a channel is never taken for quieter than this allows.
        least_ratio: Height over noise from which a bump counts.
        least_shape: Least share of the changes around it that it explains.
    """

    def __init__(
        self, run: UniformRun, *, least_px: float, least_ratio: float, least_shape: float
    ) -> None:
        values = channels(run.regions_px)
        self._least_ratio = least_ratio
        self._kernels = [k for k in _kernels(run.step_s) if len(k.weights) <= len(values)]
        beside = run.samples(_NOISE_S)
        fits = [_fit(values, kernel, beside) for kernel in self._kernels]
        self._height, noise, self._shape = (
            np.array([getattr(fit, name) for fit in fits]) for name in ("height", "noise", "shape")
        )
        ratio = self._height / np.maximum(noise, least_px / least_ratio)
        self._ratio = np.where(self._shape >= least_shape, ratio, 0.0)

    def found(self, reach: Floats) -> list[Bump]:
        """Return the best bump at each time.

        Args:
            reach: Factors on the noise, ``(samples, channels)``; infinite where none counts.
        """
        bumps: list[Bump] = []
        if not self._kernels:
            return bumps
        left = self._ratio.max(0) / reach
        while True:
            at, channel = (int(place) for place in np.unravel_index(left.argmax(), left.shape))
            if not left[at, channel] >= self._least_ratio:
                return bumps
            bump = self._bump(at, channel, float(left[at, channel]))
            bumps.append(bump)
            left[max(0, int(at - bump.half - 1)) : int(at + bump.half + 2)] = 0

    def _bump(self, at: int, channel: int, strength: float) -> Bump:
        """Choose the duration that explains most, among those that stand out nearly as much."""
        ratio = self._ratio[:, at, channel]
        near = ratio >= _NEARLY * ratio.max()
        best = int(np.where(near, self._shape[:, at, channel], 0.0).argmax())
        return Bump(
            apex=at,
            half=self._kernels[best].samples / 2,
            channel=channel,
            size_px=float(self._height[best, at, channel]),
            ratio=strength,
            shape=float(self._shape[best, at, channel]),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Kernel:
    """Weights that give the height of a bump, its energy above a level, and its length."""

    weights: Floats
    energy: float
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    """Height of a bump at each time, how large it is without one, and the share it explains."""

    height: Floats
    noise: Floats
    shape: Floats


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
        rest = bump - bump.mean()  # of a straight line, too: it is even
        energy = float(rest @ rest)
        found[count] = _Kernel(weights=rest / energy, energy=energy, samples=count)
    return tuple(found.values())


def _fit(values: Floats, kernel: _Kernel, around: int) -> _Fit:
    """Fit a bump on a straight line around every sample."""
    length = len(kernel.weights)
    side = length // 2
    height = _lengths(correlate1d(values, kernel.weights, axis=0, mode="nearest"))
    mean = uniform_filter1d(values, length, axis=0, mode="nearest")
    square = uniform_filter1d(values**2, length, axis=0, mode="nearest")
    slope = np.arange(-side, side + 1) / np.sqrt((np.arange(-side, side + 1) ** 2).sum())
    line = correlate1d(values, slope, axis=0, mode="nearest")
    energy = (length * np.maximum(square - mean**2, 0) - line**2).sum(2)
    shape = np.clip(height**2 * kernel.energy / np.maximum(energy, 1e-9), 0, 1)
    margin = side - kernel.samples // 2
    level = uniform_filter1d(values, margin, axis=0, mode="nearest")
    step = _lengths(np.roll(level, -side, axis=0) - np.roll(level, side, axis=0))
    shape[step > _STEP * height] = 0
    shape[:side], shape[len(shape) - side :] = 0, 0
    noise = median_filter(height, size=(around | 1, 1), mode="reflect") / _RAYLEIGH
    return _Fit(height=height, noise=noise, shape=shape)


def _lengths(ways: Floats) -> Floats:
    return np.asarray(np.hypot(ways[..., 0], ways[..., 1]))
