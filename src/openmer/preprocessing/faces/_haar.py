"""OpenCV's cascades: a box round the face, two boxes round the eyes, the other points guessed.

References:
    Viola, Jones (2001), Rapid object detection using a boosted cascade of simple features;
    Lienhart, Maydt (2002), An extended set of Haar-like features for rapid object detection.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from cv2.data import haarcascades
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Shares of the box where eyes (image left, right), nose tip and corners of the mouth usually are:
# means over the 72 onset frames of the synthetic corpus, made symmetric. Scatter 0.015 to 0.03.
USUAL_XY = np.array([[0.30, 0.39], [0.70, 0.39], [0.50, 0.62], [0.30, 0.76], [0.70, 0.76]])

# The cascade needs skin around the face: without a border it missed 25 of 40 tight crops.
_BORDER_SHARE = 0.2
_SMALLEST_PX = 20
_EYE_FACE_PX = 160  # faces are enlarged to this width, for the cascade sees eyes from 20 px on


def find_faces(image_rgb: NDArray[np.uint8]) -> tuple[Floats, list[bool]]:
    """Faces in one image.

    Args:
        image_rgb: Shape ``(height, width, 3)``, 0..255.

    Returns:
        One row per face, the surest first, shape ``(faces, 15)``: box x0, y0, x1, y1; the weight of
        the last stage of the cascade; x and y of image-left eye, image-right eye, nose tip, and the
        corners of the mouth; pixels, 0 is the middle of the first one. For each face, whether the
        eyes were guessed from the box; nose and mouth always are, relative to the eyes.

    Differences:
        The image is continued beyond its border, so that faces that fill it are found.
    """
    gray = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY)
    border = round(_BORDER_SHARE * max(gray.shape))
    edges = (border, border, border, border)
    wide = np.asarray(cv2.copyMakeBorder(gray, *edges, cv2.BORDER_REPLICATE), np.uint8)
    boxes, _, weights = _cascade("frontalface_alt2").detectMultiScale3(
        wide,
        scaleFactor=1.1,
        minNeighbors=3,
        minSize=(_SMALLEST_PX, _SMALLEST_PX),
        outputRejectLevels=True,
    )
    rows, guessed = [], []
    for place in np.argsort(-np.ravel(weights), kind="stable"):
        x, y, side, _ = (int(number) for number in boxes[place])
        eyes = _find_eyes(wide[y : y + side, x : x + side])
        guessed.append(eyes is None)
        points = _points(eyes) * side + [x - border - 0.5, y - border - 0.5]
        corner = np.array([x, y]) - border - 0.5
        score = float(np.ravel(weights)[place])
        rows.append([*corner, *(corner + side), score, *points.ravel()])
    return np.array(rows, np.float32).reshape(-1, 15), guessed


@lru_cache(maxsize=2)
def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(f"{haarcascades}haarcascade_{name}.xml")


def _find_eyes(face: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Middles of both eyes as shares of a square face, shape ``(2, 2)``; None without both."""
    side = max(_EYE_FACE_PX, face.shape[0])
    large = cv2.resize(face, (side, side), interpolation=cv2.INTER_LINEAR)
    top, bottom, half = round(0.15 * side), round(0.6 * side), side // 2
    found = []
    for left in (0, half):
        part = large[top:bottom, left : left + half]
        smallest = round(0.12 * side)
        boxes, _, weights = _cascade("eye_tree_eyeglasses").detectMultiScale3(
            part, 1.1, 3, 0, (smallest, smallest), outputRejectLevels=True
        )
        if not len(boxes):
            return None
        x, y, width, height = boxes[int(np.argmax(weights))]
        found.append([left + x + width / 2, top + y + height / 2])
    eyes = np.array(found) / side
    # An eyebrow or a nostril in place of an eye shows in how far and how level the two are.
    dx, dy = eyes[1] - eyes[0]
    return eyes if 0.25 < dx < 0.6 and abs(dy) < dx / 2 else None


def _points(eyes: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Five points as shares of the box: the usual ones, moved as the eyes are."""
    if eyes is None:
        return USUAL_XY
    # Complex numbers turn and scale: z maps the usual eyes onto those found.
    usual, found = USUAL_XY @ [1, 1j], eyes @ [1, 1j]
    turn = (found[1] - found[0]) / (usual[1] - usual[0])
    moved = found[0] + turn * (usual - usual[0])
    return np.stack([moved.real, moved.imag], axis=1)
