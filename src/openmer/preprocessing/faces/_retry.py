"""A second look at an image in which no face was found: with a wider edge, then enlarged.

Detectors want some room around a face and miss tight crops; they also miss small faces. The edge is
the image's own, continued: a black one would be a line of its own. A face counts only if two looks
find it at one place: what a detector takes for a face in noise or on a wall, it seldom finds again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from openmer.preprocessing.faces._detect import Face

# Added on every side, as a share of the shorter one, and how many times as large.
LOOKS = ((0.15, 1), (0.3, 1), (0.15, 2), (0.5, 2), (0.5, 4))
LARGEST_PX = 500  # of the shorter side, enlarged, without the edge


def look_again(
    image_rgb: NDArray[np.uint8], find: Callable[[NDArray[np.uint8]], Sequence[Face]]
) -> list[Face]:
    """Return the faces that two looks find at one place, as the earlier of them shows them.

    Args:
        image_rgb: An image without a face, as far as is known; uint8, ``(height, width, 3)``.
        find: The detector.
    """
    height, width = image_rgb.shape[:2]
    seen: list[Face] = []
    for pad_px, times, wider in _looks(image_rgb):
        faces = [_moved(face, pad_px, times, (width, height)) for face in find(wider)]
        twice = [face for face in seen if any(_overlap(face, other) > 0.5 for other in faces)]
        if twice:
            return twice
        seen += faces
    return []


def _overlap(one: Face, other: Face) -> float:
    """Return intersection over union of two boxes."""
    left, top = np.maximum(one.box_xyxy[:2], other.box_xyxy[:2])
    right, bottom = np.minimum(one.box_xyxy[2:], other.box_xyxy[2:])
    both = max(0.0, right - left) * max(0.0, bottom - top)
    return float(both / (np.prod(one.size_xy) + np.prod(other.size_xy) - both))


def _looks(image_rgb: NDArray[np.uint8]) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    shorter = min(image_rgb.shape[:2])
    for share, times in LOOKS:
        if times > 1 and shorter * times > LARGEST_PX:
            return
        pad_px = max(1, round(share * shorter))
        wider = np.pad(image_rgb, ((pad_px, pad_px), (pad_px, pad_px), (0, 0)), mode="edge")
        height, width = (side * times for side in wider.shape[:2])
        larger = cv2.resize(wider, (width, height), interpolation=cv2.INTER_CUBIC)
        yield pad_px, times, np.asarray(larger, np.uint8)


def _moved(face: Face, pad_px: int, times: int, image_xy: tuple[int, int]) -> Face:
    """Return a face of a wider, enlarged image in the places of the image itself."""

    def moved(place: float) -> float:
        return (place + 0.5) / times - 0.5 - pad_px

    x0, y0, x1, y1 = face.box_xyxy
    return replace(
        face,
        box_xyxy=(moved(x0), moved(y0), moved(x1), moved(y1)),
        landmarks_xy=tuple((moved(x), moved(y)) for x, y in face.landmarks_xy),
        points68_xy=tuple((moved(x), moved(y)) for x, y in face.points68_xy),
        image_xy=image_xy,
    )
