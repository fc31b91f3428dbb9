"""Directions of motion in cells: what HOOF, Bi-WOOF and MDMO have in common."""

from __future__ import annotations

import numpy as np

from openmer.preprocessing.flow._resample import average
from openmer.preprocessing.steps._step import Array

ORIENTATIONS = "orientation histograms"


def by_bin(x: Array, y: Array, weights: Array, bins: int, *, halved: bool = False) -> Array:
    """Put each pixel's weight in the map of its direction.

    Args:
        x: To the right, shape ``(..., height, width)``.
        y: Down, same shape.
        weights: Same shape.
        bins: Directions, evenly spaced.
        halved: Whether directions that differ by a flip count as one; else the whole circle counts.

    Returns:
        Shape ``(bins, ..., height, width)``, zero but in one bin for each pixel.
    """
    turn = np.pi if halved else 2 * np.pi
    angle = np.arctan2(y, np.abs(x)) + np.pi / 2 if halved else np.arctan2(y, x) % turn
    numbers = np.minimum((angle * bins / turn).astype(np.int64), bins - 1)
    shape = (bins,) + (1,) * numbers.ndim
    return np.where(np.arange(bins).reshape(shape) == numbers, weights, 0).astype(np.float32)


def magnitude_histograms(flow: Array, bins: int, size: int, *, halved: bool = False) -> Array:
    """Return mean magnitudes by direction in cells, ``(bins, size, size)``, of u and v."""
    maps = by_bin(flow[0], flow[1], np.hypot(flow[0], flow[1]), bins, halved=halved)
    return average(maps, size)


def flipped_bins(array: Array) -> Array:
    """Return histograms of the whole circle ``(..., bins, height, width)``, seen in a flip.

    An angle a becomes half a turn less a; `bins` is even.
    """
    bins = array.shape[-3]
    order = (bins // 2 - 1 - np.arange(bins)) % bins
    return np.ascontiguousarray(array[..., order, :, ::-1])
