"""How the regions of a face move, apart from the head, since a reference picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.video.faces._patch import SIDE_PX, Matrix, Patch, evened
from openmer.video.spotting._regions import STEP_PX, Layout, points, usual_layout

Floats = NDArray[np.float64]

_ROUNDS = 4  # of the robust fit
_LEAST_SPREAD_PX = 0.05
_GRID = slice(STEP_PX // 2, None, STEP_PX)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """What changed between a reference patch and another patch of the same face.

    Attributes:
        regions_px: Movement of each region apart from the head, pixels of the patch, shape
            ``(regions, 2)``, x right, y down; in the order of `REGIONS`.
        head: Movement of the head inside the patch: ``head @ (x, y, 1)`` is where a point of the
            reference is now.
        turn_px: How far the head's turning to the side and its nodding move what stands out most
            against the outline of the face, x and y, pixels of the patch.
        similarity: Correlation of both patches, the head's movement undone, -1..1.
        eyes: Contrast within the openings of the eyes over their brightness, mean of both; white
            and iris have much, lids have another one.
        spread_px: How far the rigid parts are from moving as one, median length of what is left of
            their flow, pixels of the patch.
    """

    regions_px: Floats
    head: Matrix
    turn_px: Floats
    similarity: float
    eyes: float
    spread_px: float = 0.0


class Reference:
    """A patch that others are compared with.

    The head's movement is what fits the optical flow of the rigid parts: an affine transform, and a
    share of the depth of a usual face in x and in y, for a head that turns to the side or nods. It
    is found by iterated weights (Tukey's), so that moving brows or lips do not count. What is left
    of the flow is averaged over each region.

    Args:
        patch: As `cut` gives it.
        layout: Where the parts of this face are; None is a usual one.

    References:
        Removing the head's movement before looking for an expression: Shreve et al. (2011); Liong
        et al. (2021), SOFTNet, by the flow at the nose. Here the whole rigid part of the face
        counts. Flow: Kroeger et al. (2016), dense inverse search, as OpenCV has it.
    """

    def __init__(self, patch: Patch, layout: Layout | None = None) -> None:
        self._layout = layout or usual_layout()
        self._evened = evened(patch)
        self._solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._sampled = patch[_GRID, _GRID].astype(np.float64).ravel()

    def compare(self, patch: Patch, even: Patch | None = None) -> Measured:
        """Measure what changed from the reference to a patch of the same size.

        Args:
            patch: As `cut` gives it.
            even: The same as `evened` gives it, where that is known.
        """
        even = evened(patch) if even is None else even
        flow = self._solver.calc(self._evened, even, np.zeros((SIDE_PX, SIDE_PX, 2), "f4"))
        flow_xy = np.asarray(flow, np.float64)[_GRID, _GRID].reshape(-1, 2)
        layout = self._layout
        coefficients, rest, spread_px = _fitted(flow_xy, layout)
        head = np.hstack([coefficients[:2].T + np.eye(2), coefficients[2][:, None]])
        back = cv2.warpAffine(
            patch, head, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        now = np.asarray(back, np.float64)[_GRID, _GRID].ravel()
        return Measured(
            regions_px=layout.regions @ rest,
            head=head,
            turn_px=coefficients[3],
            similarity=_correlation(self._sampled, now, layout.skull),
            eyes=_openness(now, layout.eyes),
            spread_px=spread_px,
        )


def head_removed(flow: NDArray[np.float32], layout: Layout) -> Floats:
    """Take the movement of the head out of the flow of a patch, as `Reference` does.

    Args:
        flow: Pixels, ``(SIDE_PX, SIDE_PX, 2)``.
        layout: Where the parts of the face are.

    Returns:
        What is left at every second pixel, ``(SIDE_PX // 2, SIDE_PX // 2, 2)``.
    """
    points_xy = np.asarray(flow, np.float64)[_GRID, _GRID]
    return _fitted(points_xy.reshape(-1, 2), layout)[1].reshape(points_xy.shape)


def _fitted(flow_xy: Floats, layout: Layout) -> tuple[Floats, Floats, float]:
    """Coefficients ``(4, 2)`` of x, y, 1 and depth that fit a flow, what they leave, its spread."""
    skull = _skull_of(layout)
    there = np.ascontiguousarray(flow_xy[skull.rows].T)
    weights = skull.trusted
    coefficients: Floats = np.zeros((4, 2))
    spread = 0.0
    for _ in range(_ROUNDS):
        weighted = skull.places * weights
        coefficients = _solved(weighted @ skull.places.T, weighted @ there.T)
        rest = there - coefficients.T @ skull.places
        squared = rest[0] * rest[0] + rest[1] * rest[1]
        spread = float(np.median(np.sqrt(squared[skull.is_core])))
        reach = 6 * max(spread, _LEAST_SPREAD_PX)
        weights = skull.trusted * np.clip(1 - squared / reach**2, 0, None) ** 2
    return coefficients, flow_xy - skull.everywhere @ coefficients, spread


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Skull:
    """The points of a layout that say something about the head.

    Attributes:
        everywhere: x, y, 1 and depth of every point of the flow, ``(points, 4)``.
        rows: Which of them say something, ``(skull points,)``.
        places: These, ``(4, skull points)``.
        trusted: How much each counts, ``(skull points,)``.
        is_core: Which count more than half.
    """

    everywhere: Floats
    rows: NDArray[np.int64]
    places: Floats
    trusted: Floats
    is_core: NDArray[np.bool_]


@lru_cache(maxsize=8)
def _skull_of(layout: Layout) -> _Skull:
    at = points()
    everywhere = np.column_stack([at, np.ones(len(at)), layout.depth])
    rows = np.flatnonzero(layout.skull)
    trusted = layout.skull[rows].astype(np.float64)
    return _Skull(
        everywhere=everywhere,
        rows=rows,
        places=np.ascontiguousarray(everywhere[rows].T),
        trusted=trusted,
        is_core=trusted > 0.5,
    )


def _solved(left: Floats, right: Floats) -> Floats:
    """Solve equations; where they leave something open, the smallest solution."""
    try:
        return np.asarray(np.linalg.solve(left, right))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(left, right, rcond=None)[0])


def _openness(values: Floats, eyes: NDArray[np.float32]) -> float:
    weights = eyes.astype(np.float64)
    mean = weights @ values
    spread = np.sqrt((weights * (values - mean[:, None]) ** 2).sum(1))
    return float((spread / np.maximum(mean, 1.0)).mean())


def _correlation(first: Floats, second: Floats, weights: NDArray[np.float32]) -> float:
    share = weights / weights.sum()
    a, b = first - share @ first, second - share @ second
    norm = float(np.sqrt((share @ (a * a)) * (share @ (b * b))))
    return float(share @ (a * b)) / norm if norm > 0 else 0.0
