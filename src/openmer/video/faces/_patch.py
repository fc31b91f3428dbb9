"""The square picture of a face that motion is measured on: eyes and mouth at fixed places."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.preprocessing import Face

Matrix = NDArray[np.float64]  # two rows of three: where a point of the image comes to in the patch
Patch = NDArray[np.uint8]

SIDE_PX = 160
CELLS = 10  # to each side, for brief movements
# Eyes, nose and corners of the mouth in a patch of side 1, in the order of `LANDMARKS`.
PLACES = np.array([(0.31, 0.36), (0.69, 0.36), (0.5, 0.57), (0.36, 0.76), (0.64, 0.76)])
EYE_DISTANCE_PX = float(PLACES[1, 0] - PLACES[0, 0]) * SIDE_PX
FACE_WIDTH_PX = 2.2 * EYE_DISTANCE_PX  # of a patch; cheek to cheek is about 2.2 eye distances

_FINER = 2  # the patch is cut out this much larger and averaged, so that fine texture does not jump
_NEAR_PX = 12.0  # of light: how far around a pixel its brightness is compared
_FLAT = 6.0  # gray levels of contrast below which skin counts as flat


def matrix_of(face: Face) -> Matrix:
    """Turn, scale and shift that bring the five landmarks closest to their places in a patch."""
    found, _ = cv2.estimateAffinePartial2D(
        np.array(face.landmarks_xy, np.float64), PLACES * SIDE_PX, method=cv2.LMEDS
    )
    return _by_eyes(face) if found is None else np.asarray(found, np.float64)


def cut(gray: NDArray[np.uint8], matrix: Matrix) -> Patch:
    """Cut the patch of a gray image, ``(SIDE_PX, SIDE_PX)``; the image's edge is repeated."""
    side = SIDE_PX * _FINER
    shift = (_FINER - 1) / 2
    finer = matrix * _FINER + np.array([[0, 0, shift], [0, 0, shift]])
    large = cv2.warpAffine(
        gray, finer, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    small = cv2.resize(large, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def evened(patch: Patch) -> Patch:
    """Remove slow light and shade from a patch: contrast with what is near, 128 is none."""
    values = patch.astype(np.float32)
    values -= cv2.GaussianBlur(values, (0, 0), _NEAR_PX)
    spread = np.sqrt(cv2.GaussianBlur(values * values, (0, 0), _NEAR_PX)) + _FLAT
    return np.asarray(np.clip(128 + 48 * values / spread, 0, 255).astype(np.uint8))


def box_of(matrix: Matrix) -> tuple[float, float, float, float]:
    """Left, top, right and bottom edge, in the image, of the face that a matrix cuts out."""
    back = inverse(matrix)
    corners = np.array([(0.08, 0.02), (0.92, 0.02), (0.92, 0.98), (0.08, 0.98)]) * SIDE_PX
    points = corners @ back[:, :2].T + back[:, 2]
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    return float(x0), float(y0), float(x1), float(y1)


def inverse(matrix: Matrix) -> Matrix:
    """From the patch back to the image."""
    return np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def eye_distance(matrix: Matrix) -> float:
    """Pixels of the image from eye to eye."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    return EYE_DISTANCE_PX / scale


def after(matrix: Matrix, moved: Matrix) -> Matrix:
    """Return the matrix that undoes a movement inside of the patch: `moved` maps then to now."""
    back = inverse(moved)
    linear = back[:, :2] @ matrix[:, :2]
    shift = back[:, :2] @ matrix[:, 2] + back[:, 2]
    return np.hstack([linear, shift[:, None]])


def _by_eyes(face: Face) -> Matrix:
    """From the eyes alone, where the five points lie so that nothing fits them."""
    (x, y), (dx, dy) = face.right_eye_xy, np.subtract(face.left_eye_xy, face.right_eye_xy)
    length = max(float(np.hypot(dx, dy)), 1e-6)
    scale = EYE_DISTANCE_PX / length
    cos, sin = scale * dx / length, scale * dy / length
    target = PLACES[0] * SIDE_PX
    linear = np.array([[cos, sin], [-sin, cos]])
    return np.hstack([linear, (target - linear @ (x, y))[:, None]])


def similar(head: Matrix) -> Matrix:
    """Find the turn, scale and shift nearest to an affine movement, about the patch's middle."""
    a, b = (head[0, 0] + head[1, 1]) / 2, (head[1, 0] - head[0, 1]) / 2
    linear = np.array([[a, -b], [b, a]])
    middle = np.full(2, SIDE_PX / 2)
    goes_to = head[:, :2] @ middle + head[:, 2]
    return np.hstack([linear, (goes_to - linear @ middle)[:, None]])


def overlap(first: Sequence[float], second: Sequence[float]) -> float:
    """Area that two boxes share over the area of both."""
    shared, areas = _shared(first, second)
    return shared / max(sum(areas) - shared, 1e-9)


def within(first: Sequence[float], second: Sequence[float]) -> float:
    """Area that two boxes share over the area of the smaller one."""
    shared, areas = _shared(first, second)
    return shared / max(min(areas), 1e-9)


def _shared(first: Sequence[float], second: Sequence[float]) -> tuple[float, tuple[float, float]]:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return max(width, 0.0) * max(height, 0.0), (areas[0], areas[1])
