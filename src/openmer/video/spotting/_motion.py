"""How the regions of a face move, apart from the head, since a reference picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.video.faces._patch import SIDE_PX, Matrix, Patch, evened
from openmer.video.spotting._regions import (
    STEP_PX,
    depth,
    eye_weights,
    points,
    region_weights,
    skull_weights,
)

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
    """

    regions_px: Floats
    head: Matrix
    turn_px: Floats
    similarity: float
    eyes: float


class Reference:
    """A patch that others are compared with.

    The head's movement is what fits the optical flow of the rigid parts: an affine transform, and a
    share of the depth of a usual face in x and in y, for a head that turns to the side or nods. It
    is found by iterated weights (Tukey's), so that moving brows or lips do not count. What is left
    of the flow is averaged over each region.

    Args:
        patch: As `cut` gives it.

    References:
        Removing the head's movement before looking for an expression: Shreve et al. (2011); Liong
        et al. (2021), SOFTNet, by the flow at the nose. Here the whole rigid part of the face
        counts. Flow: Kroeger et al. (2016), dense inverse search, as OpenCV has it.
    """

    def __init__(self, patch: Patch) -> None:
        self._patch = patch
        self._evened = evened(patch)
        self._solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._sampled = patch[_GRID, _GRID].astype(np.float64).ravel()

    def compare(self, patch: Patch) -> Measured:
        """Measure what changed from the reference to a patch of the same size."""
        flow = self._solver.calc(self._evened, evened(patch), np.zeros((SIDE_PX, SIDE_PX, 2), "f4"))
        flow_xy = np.asarray(flow, np.float64)[_GRID, _GRID].reshape(-1, 2)
        coefficients, rest = _fitted(flow_xy)
        head = np.hstack([coefficients[:2].T + np.eye(2), coefficients[2][:, None]])
        back = cv2.warpAffine(
            patch, head, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        now = np.asarray(back, np.float64)[_GRID, _GRID].ravel()
        return Measured(
            regions_px=region_weights() @ rest,
            head=head,
            turn_px=coefficients[3],
            similarity=_correlation(self._sampled, now, skull_weights()),
            eyes=_openness(now),
        )


@lru_cache(maxsize=1)
def _head_shapes() -> Floats:
    """Return the parts of a moving head's flow at each point: x, y, 1, depth, ``(points, 4)``."""
    places = points()
    return np.column_stack([places, np.ones(len(places)), depth()])


def _fitted(flow_xy: Floats) -> tuple[Floats, Floats]:
    """Coefficients ``(4, 2)`` of x, y, 1 and depth that fit a flow, and what they leave of it."""
    places = _head_shapes()
    trusted = skull_weights().astype(np.float64)
    weights = trusted
    coefficients: Floats = np.zeros((4, 2))
    rest = flow_xy
    for _ in range(_ROUNDS):
        weighted = places * weights[:, None]
        coefficients = np.asarray(
            np.linalg.lstsq(weighted.T @ places, weighted.T @ flow_xy, rcond=None)[0]
        )
        rest = flow_xy - places @ coefficients
        length = np.hypot(rest[:, 0], rest[:, 1])
        spread = max(float(np.median(length[trusted > 0.5])), _LEAST_SPREAD_PX)
        weights = trusted * np.clip(1 - (length / (6 * spread)) ** 2, 0, None) ** 2
    return coefficients, rest


def _openness(values: Floats) -> float:
    weights = eye_weights().astype(np.float64)
    mean = weights @ values
    spread = np.sqrt((weights * (values - mean[:, None]) ** 2).sum(1))
    return float((spread / np.maximum(mean, 1.0)).mean())


def _correlation(first: Floats, second: Floats, weights: NDArray[np.float32]) -> float:
    share = weights / weights.sum()
    a, b = first - share @ first, second - share @ second
    norm = float(np.sqrt((share @ (a * a)) * (share @ (b * b))))
    return float(share @ (a * b)) / norm if norm > 0 else 0.0
