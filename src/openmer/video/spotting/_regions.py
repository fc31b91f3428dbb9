"""The regions of a face whose movement is followed, as weights on the patch of a face."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from openmer.video.faces._patch import SIDE_PX

# Middle and standard deviation of a Gaussian window, in a patch of side 1. Right and left are the
# subject's own: in a picture that is not flipped, the right brow is on the left.
_WINDOWS = MappingProxyType(
    {
        "right outer brow": ((0.23, 0.27), (0.050, 0.040)),
        "right inner brow": ((0.40, 0.27), (0.045, 0.040)),
        "left inner brow": ((0.60, 0.27), (0.045, 0.040)),
        "left outer brow": ((0.77, 0.27), (0.050, 0.040)),
        "root of the nose": ((0.50, 0.34), (0.040, 0.040)),
        "right cheek": ((0.27, 0.56), (0.055, 0.050)),
        "left cheek": ((0.73, 0.56), (0.055, 0.050)),
        "right wing of the nose": ((0.40, 0.56), (0.035, 0.040)),
        "left wing of the nose": ((0.60, 0.56), (0.035, 0.040)),
        "right corner of the mouth": ((0.34, 0.76), (0.045, 0.045)),
        "left corner of the mouth": ((0.66, 0.76), (0.045, 0.045)),
        "upper lip": ((0.50, 0.71), (0.055, 0.030)),
        "lower lip": ((0.50, 0.83), (0.055, 0.030)),
        "chin": ((0.50, 0.93), (0.070, 0.035)),
    }
)
REGIONS = tuple(_WINDOWS)
MOUTH = ("right corner of the mouth", "left corner of the mouth", "upper lip", "lower lip", "chin")
NEAR_EYES = tuple(name for name in REGIONS if "brow" in name or "root" in name)
_EYES = ((0.31, 0.36), (0.69, 0.36))

STEP_PX = 2  # every second pixel of the flow is looked at


def points() -> NDArray[np.float64]:
    """Places on the patch that flow is read at, pixels, shape ``(points, 2)``."""
    axis = np.arange(STEP_PX // 2, SIDE_PX, STEP_PX, dtype=np.float64)
    x, y = np.meshgrid(axis, axis)
    return np.stack([x.ravel(), y.ravel()], axis=1)


@lru_cache(maxsize=1)
def region_weights() -> NDArray[np.float32]:
    """How much each point counts for each region, rows sum to 1, ``(regions, points)``."""
    rows = np.stack([_window(middle, reach) for middle, reach in _WINDOWS.values()])
    return np.asarray(rows / rows.sum(1, keepdims=True), np.float32)


@lru_cache(maxsize=1)
def eye_weights() -> NDArray[np.float32]:
    """Return the weights of the eye openings, the right one first, ``(2, points)``."""
    rows = np.stack([_window(middle, (0.055, 0.03)) for middle in _EYES])
    return np.asarray(rows / rows.sum(1, keepdims=True), np.float32)


@lru_cache(maxsize=1)
def skull_weights() -> NDArray[np.float32]:
    """How much each point says about the movement of the head, 0..1, ``(points,)``.

    Inside the outline of the face, less at the eyes, the brows and the mouth, which move alone.
    """
    x, y = (points() / SIDE_PX).T
    inside = ((x - 0.5) / 0.40) ** 2 + ((y - 0.50) / 0.48) ** 2 < 1
    mobile = [_window(middle, (0.08, 0.045)) for middle in _EYES]
    mobile += [_window((0.5, 0.79), (0.15, 0.08)), _window((0.5, 0.94), (0.14, 0.05))]
    mobile += [0.7 * _window((x0, 0.26), (0.12, 0.04)) for x0 in (0.32, 0.68)]
    return np.asarray(inside * np.clip(1 - np.max(mobile, axis=0), 0.02, 1), np.float32)


@lru_cache(maxsize=1)
def depth() -> NDArray[np.float64]:
    """How far each point of a usual face stands out, ``(points,)``: half an ellipsoid and a nose.

    0 at its outline, about 1.2 at the tip of the nose.
    """
    x, y = (points() / SIDE_PX).T
    from_middle = ((x - 0.5) / 0.46) ** 2 + ((y - 0.50) / 0.62) ** 2
    nose = 0.25 * _window((0.5, 0.56), (0.055, 0.10))
    return np.asarray(np.sqrt(np.clip(1 - from_middle, 0, None)) + nose)


def _window(middle: tuple[float, float], reach: tuple[float, float]) -> NDArray[np.float64]:
    x, y = (points() / SIDE_PX).T
    away = ((x - middle[0]) / reach[0]) ** 2 + ((y - middle[1]) / reach[1]) ** 2
    return np.asarray(np.exp(-away / 2))
