"""Filters for brief movements that adapt to the face.

A movement of known place and course is looked for by a matched filter. What the face does by itself
is taken from the seconds around: how its cells move together, and how its movement goes on from one
sample to the next. What is usual for this face counts little, be it speech, turning or noise; what
is unusual and looks like a known movement counts much. The moment itself is left out of what is
usual.

References:
    Kelly (1986), An adaptive detection algorithm; Kraut, Scharf and McWhorter (2001), Adaptive
    subspace detectors; Tyler (1987), A distribution-free M-estimator of multivariate scatter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular, toeplitz
from scipy.ndimage import correlate1d, gaussian_filter1d

from openmer.video.faces._patch import CELLS
from openmer.video.spotting._brief_input import RATE_HZ, BriefInput
from openmer.video.spotting._patterns import Patterns

Floats = NDArray[np.float64]
Array = NDArray[np.float32]

LASTS_S = (0.12, 0.17, 0.23, 0.30, 0.38)
"""How long the movements last that are looked for."""
BLOCK = 15  # samples for which what is usual is the same
_NEAR = 20  # blocks to each side that it is taken from
_OWN = 2  # blocks to each side, less one, that are left out
_HALF = 12  # samples to each side that a filter reaches
_BACK = 3  # samples between two pictures that are compared
_STEP_S = 0.2  # how long a movement takes that does not return
_PRIOR = 25.0  # samples that the usual skin counts for
_FLOOR_PX = 0.03
_EVEN = 0.05  # white part of the noise
_FORGET = 10.0  # standard deviation, samples, from which the noise is taken to be independent
_LEVEL = 15.0  # likewise, over which its level is averaged
_CELL_NUMBERS = 2 * CELLS * CELLS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Responses:
    """What the filters say at each sample.

    Attributes:
        returning: Response to a movement that comes and goes with its apex there, about pixels of
            a face 200 px wide, ``(samples, patterns, lasts)``.
        staying: Likewise to one that stays, ``(samples, patterns)``.
        energy: Mean square of everything that happens there, whitened, ``(samples, lasts)``.
        gain: Response to a pattern that is seen once, as it is at 1 px, ``(samples, patterns)``.
    """

    returning: Array
    staying: Array
    energy: Array
    gain: Array


def responses_of(seen: BriefInput, patterns: Patterns) -> Responses:
    """Filter brief motion."""
    moved = np.asarray(seen.moved, np.float32).reshape(len(seen.moved), -1)
    beside = _beside(seen)
    filtered = np.stack(
        [
            correlate1d(np.hstack([moved, beside]), kernel, axis=0, mode="constant")
            for kernel in _kernels(moved)
        ]
    )
    level = (filtered[:-1, :, :_CELL_NUMBERS] ** 2).mean((0, 2)) + _FLOOR_PX**2
    spread = np.sqrt((filtered[:-1, :, _CELL_NUMBERS:] ** 2).mean((0, 1)))
    filtered[..., _CELL_NUMBERS:] *= np.sqrt(np.median(level)) / np.maximum(spread, 1e-3)
    starts = range(0, len(moved), BLOCK)
    scatter = _scatter(filtered[:-1], level, starts)
    whiten = _whitening(scatter.sum(0), len(moved))
    level = ((filtered[:-1] @ whiten.T) ** 2).mean((0, 2)) + 0.01 * np.float32(_FLOOR_PX**2)
    scatter = _scatter(filtered[:-1], level, starts)
    known = np.pad(patterns.flow, ((0, 0), (0, beside.shape[1]))).astype(np.float32)
    return _by_block(filtered, scatter, known)


def _by_block(filtered: Array, scatter: Array, known: Array) -> Responses:
    """Compare each block with what is usual around it."""
    kinds, samples, _ = filtered.shape
    matched = np.empty((samples, len(known), kinds), np.float32)
    energy = np.empty((samples, kinds - 1), np.float32)
    gain = np.empty((samples, len(known)), np.float32)
    ends = np.minimum(np.arange(1, len(scatter) + 1) * BLOCK, samples)
    counts = np.diff(ends, prepend=0)
    for number, end in enumerate(ends):
        away = np.abs(np.arange(len(scatter)) - number)
        near = (away >= _OWN) & (away <= _NEAR)
        near = near if near.any() else away == 0
        whiten = _whitening(scatter[near].sum(0), int(counts[near].sum()))
        looked_for = known @ whiten.T
        length = np.linalg.norm(looked_for, axis=1)
        part = slice(number * BLOCK, int(end))
        white = filtered[:, part] @ whiten.T
        matched[part] = (white @ (looked_for / length[:, None]).T).transpose(1, 2, 0)
        energy[part] = (white[:-1] ** 2).mean(2).T
        gain[part] = length
    return Responses(
        returning=matched[..., :-1], staying=matched[..., -1], energy=energy, gain=gain
    )


def _beside(seen: BriefInput) -> Array:
    """Compute how head and mouth moved meanwhile, so that what goes with them counts as usual."""
    values = np.column_stack([seen.pose, 30 * seen.parts[:, 2]])
    change = np.zeros_like(values)
    change[_BACK:] = values[_BACK:] - values[:-_BACK]
    return change.astype(np.float32)


def _kernels(moved: Array) -> list[Floats]:
    """Return a filter for each of `LASTS_S`, and one for a movement that stays.

    Each is the course of the movement, whitened by how the motion of this face goes on in time.
    """
    lags = np.arange(2 * _HALF + 1)
    level = np.sqrt(gaussian_filter1d((moved**2).mean(1), _LEVEL)) + _FLOOR_PX
    even = moved / level[:, None]
    products = [float((even[: len(even) - lag] * even[lag:]).mean()) if lag < len(even) else 0.0
                for lag in lags]  # fmt: skip
    together = np.array(products) / max(products[0], 1e-9) * np.exp(-((lags / _FORGET) ** 2) / 2)
    noise = toeplitz(together) + _EVEN * np.eye(len(lags))
    if products[0] <= 0:
        noise = np.eye(len(lags))
    white = np.linalg.solve(noise, np.array(_courses()).T).T
    return [one / np.sqrt(course @ one) for one, course in zip(white, _courses(), strict=True)]


@lru_cache(maxsize=1)
def _courses() -> tuple[Floats, ...]:
    """Movement within a tenth of a second of what comes and goes, and of what stays."""
    at = np.arange(-_HALF, _HALF + 1, dtype=np.float64)
    returning = [bump(at, s * RATE_HZ / 2) - bump(at - _BACK, s * RATE_HZ / 2) for s in LASTS_S]
    rise = _STEP_S * RATE_HZ
    staying = np.clip(at / rise + 0.5, 0, 1) - np.clip((at - _BACK) / rise + 0.5, 0, 1)
    return (*returning, staying)


def bump(at: NDArray[np.floating], half: float) -> Floats:
    """Compute a raised cosine about 0, 1 at its apex, that ends at `half` to each side."""
    return np.where(np.abs(at) < half, 0.5 + 0.5 * np.cos(np.pi * at / half), 0.0)


def _scatter(filtered: Array, level: Array, starts: range) -> Array:
    """Sum what moves together over each block, all samples brought to one level.

    Returns:
        ``(blocks, numbers, numbers)``.
    """
    even = filtered / np.sqrt(level)[None, :, None]
    sums = []
    for start in starts:
        part = even[:, start : start + BLOCK].reshape(-1, even.shape[2])
        sums.append(part.T @ part / len(filtered))
    return np.stack(sums)


def _whitening(scatter: Array, samples: int) -> Array:
    """Return the matrix that makes what is usual white, ``(numbers, numbers)``."""
    own = np.diag(scatter) / samples
    cells = own[:_CELL_NUMBERS].mean()
    usual = np.zeros(scatter.shape)
    usual[:_CELL_NUMBERS, :_CELL_NUMBERS] = cells * _skin()
    beside = np.arange(_CELL_NUMBERS, len(own))
    usual[beside, beside] = max(own[_CELL_NUMBERS:].mean(), 1e-6)
    mixed = (scatter + _PRIOR * usual) / (samples + _PRIOR) + 1e-9 * np.eye(len(own))
    lower = cholesky(mixed, lower=True)
    inverse = solve_triangular(lower, np.eye(len(own)), lower=True)
    return np.asarray(inverse, np.float32)


@lru_cache(maxsize=1)
def _skin() -> Floats:
    """How cells of any face move together: near ones do, ``(numbers, numbers)``."""
    y, x = np.mgrid[:CELLS, :CELLS].reshape(2, -1)
    apart = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    near, far = np.exp(-apart / (2 * 1.2**2)), np.exp(-apart / (2 * 3.0**2))
    return np.asarray(np.kron(0.5 * near + 0.3 * far + 0.2 * np.eye(len(apart)), np.eye(2)))
