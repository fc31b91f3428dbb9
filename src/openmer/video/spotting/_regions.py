"""The regions of a face whose movement is followed, as weights on the patch of a face."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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

_NARROWER = 0.75  # windows of a face whose parts are known, so that less of a peak is lost
STEP_PX = 2  # every second pixel of the flow is looked at


def points() -> NDArray[np.float64]:
    """Places on the patch that flow is read at, pixels, shape ``(points, 2)``."""
    axis = np.arange(STEP_PX // 2, SIDE_PX, STEP_PX, dtype=np.float64)
    x, y = np.meshgrid(axis, axis)
    return np.stack([x.ravel(), y.ravel()], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """Where the parts of a face lie on its patch, as weights of the points of the flow.

    Attributes:
        regions: How much each point counts for each region, rows sum to 1, ``(regions, points)``.
        eyes: Likewise for the openings of the eyes, the right one first, ``(2, points)``.
        skull: How much each point says about the movement of the head, 0..1, ``(points,)``: inside
            the outline, less at the eyes, the brows and the mouth, which move alone.
        depth: How far each point stands out, ``(points,)``: 0 at the outline, about 1.2 at the tip
            of the nose.
    """

    regions: NDArray[np.float32]
    eyes: NDArray[np.float32]
    skull: NDArray[np.float32]
    depth: NDArray[np.float64]


@lru_cache(maxsize=1)
def usual_layout() -> Layout:
    """Lay out a usual face; its depth is half an ellipsoid and a nose."""
    return Layout(
        regions=_shares(_window(middle, reach) for middle, reach in _WINDOWS.values()),
        eyes=_shares(_window(middle, (0.055, 0.03)) for middle in _EYES),
        skull=_skull(_EYES, (0.5, 0.79), tuple((x0, 0.26) for x0 in (0.32, 0.68))),
        depth=_depth(),
    )


def layout_of(places: Mapping[str, NDArray[np.float64]]) -> Layout:
    """Lay out a face whose parts are known.

    Args:
        places: Middles in a patch of side 1, ``(2,)``: of each region by its name, and of
            "right eye", "left eye" and "mouth".
    """
    eyes = tuple(_pair(places[name]) for name in ("right eye", "left eye"))
    brows = tuple(
        _pair((places[f"{side} outer brow"] + places[f"{side} inner brow"]) / 2)
        for side in ("right", "left")
    )
    reaches = {name: (_NARROWER * x, _NARROWER * y) for name, (_, (x, y)) in _WINDOWS.items()}
    return Layout(
        regions=_shares(_window(_pair(places[name]), reaches[name]) for name in REGIONS),
        eyes=_shares(_window(middle, (0.055, 0.03)) for middle in eyes),
        skull=_skull(eyes, _pair(places["mouth"]), brows),
        depth=_depth(),
    )


def _pair(place: NDArray[np.float64]) -> tuple[float, float]:
    return float(place[0]), float(place[1])


def _shares(windows: Iterable[NDArray[np.float64]]) -> NDArray[np.float32]:
    rows = np.stack(list(windows))
    return np.asarray(rows / rows.sum(1, keepdims=True), np.float32)


def _skull(
    eyes: Sequence[tuple[float, float]],
    mouth: tuple[float, float],
    brows: Sequence[tuple[float, float]],
) -> NDArray[np.float32]:
    x, y = (points() / SIDE_PX).T
    inside = ((x - 0.5) / 0.40) ** 2 + ((y - 0.50) / 0.48) ** 2 < 1
    mobile = [_window(middle, (0.08, 0.045)) for middle in eyes]
    mobile += [_window(mouth, (0.15, 0.08)), _window((mouth[0], mouth[1] + 0.15), (0.14, 0.05))]
    mobile += [0.7 * _window(middle, (0.12, 0.04)) for middle in brows]
    return np.asarray(inside * np.clip(1 - np.max(mobile, axis=0), 0.02, 1), np.float32)


def _depth() -> NDArray[np.float64]:
    x, y = (points() / SIDE_PX).T
    from_middle = ((x - 0.5) / 0.46) ** 2 + ((y - 0.50) / 0.62) ** 2
    nose = 0.25 * _window((0.5, 0.56), (0.055, 0.10))
    return np.asarray(np.sqrt(np.clip(1 - from_middle, 0, None)) + nose)


def _window(middle: tuple[float, float], reach: tuple[float, float]) -> NDArray[np.float64]:
    x, y = (points() / SIDE_PX).T
    away = ((x - middle[0]) / reach[0]) ** 2 + ((y - middle[1]) / reach[1]) ** 2
    return np.asarray(np.exp(-away / 2))
