"""Faces brought to one place and size, each as its paper states it, by one transform per clip.

The landmarks of a detector tremble by as much as a micro-expression moves. Therefore a transform is
found once, on one frame, and every frame of the clip goes through the same one: alignment takes
away where the face was, and adds no motion. An image goes the same way as a clip of one frame.

Policy: an image in which no face is found is looked at again with a wider edge, and enlarged. Of
several faces `choose_face` takes one; without a face, or with one so far in profile that its nose
is not between its eyes, there is no alignment but a `DataError`. Outside of the image its edge goes
on: a tight crop gets no black border.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.errors import ConfigError, DataError, unknown_name
from openmer.preprocessing.faces._alignment import Alignment
from openmer.preprocessing.faces._detect import ArrayStore, Face, Point, choose_face, detect_faces

# Half width and half height of an eye with its lids, as shares of the distance from eye to eye:
# the brows, which lie 0.3 above, stay visible.
_EYE_HALF_AXES = (0.28, 0.16)


AlignFunction = Callable[[Face, int], Alignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignStyle:
    """How one paper aligns.

    Attributes:
        name: How a recipe calls it.
        function: A face and the size of the result in; the alignment out.
        size: Width and height of the result in the paper.
        detector: Its detector, or the nearest one that needs no optional package.
    """

    name: str
    function: AlignFunction
    size: int
    detector: str


def align_efficient_me(face: Face, size: int = 224) -> Alignment:
    """Turn the image about its own middle until the eyes are level, cut out the box, fit it in.

    The box is the one found before the turn, as stated: the further a tilted face is from the
    middle of the image, the more it leaves its box.

    References:
        Efficient-ME: rotation by ``atan(dy / dx)`` of the eyes, MTCNN box, 224 x 224 "scaled
        appropriately".

    Differences:
        "Scaled appropriately" is read as: the aspect ratio is kept, black fills the rest on both
        sides. Turn, cut and scale are one interpolation.
    """
    require_frontal(face)
    width, height = face.image_xy
    turned = _turn(face.tilt_degrees, ((width - 1) / 2, (height - 1) / 2))
    return _fitted(turned, face.box_xyxy, size)


def align_dense_attention(face: Face, size: int = 112) -> Alignment:
    """Cut out the box and scale it to a square; nothing is turned.

    References:
        Dense connections with mixed attention: OpenCV face detection, crop, 112 x 112.

    Differences:
        None known. A box that is not square, which OpenCV never gives, is stretched.
    """
    require_frontal(face)
    x0, y0, _, _ = face.box_xyxy
    box_width, box_height = face.size_xy
    matrix = _scaled(np.eye(2, 3), (x0, y0), (size / box_width, size / box_height))
    return _alignment(matrix, size, (0, 0, size, size))


def align_mobilevit(face: Face, size: int = 256) -> Alignment:
    """Turn about the middle between the eyes until they are level, gray, eyes masked.

    References:
        MobileViT with a support vector machine: OpenCV and Dlib, gray, 256 x 256, rotation about
        the midpoint of the eye centres, eyes masked.

    Differences:
        The box is made square with its longer side (Dlib's are square). The mask, whose shape is
        not stated, is a black ellipse around each eye, 0.56 by 0.32 of the distance between the
        eyes. Crop, scale and turn are one interpolation, so that the corners show the image and
        are not black.
    """
    require_frontal(face)
    eyes = np.array([face.right_eye_xy, face.left_eye_xy])
    x, y = eyes.mean(axis=0)
    x0, y0, x1, y1 = face.box_xyxy
    side = max(face.size_xy)
    corner = ((x0 + x1 - side) / 2, (y0 + y1 - side) / 2)
    matrix = _scaled(_turn(face.tilt_degrees, (x, y)), corner, (size / side, size / side))
    across, up = _EYE_HALF_AXES
    distance = face.eye_distance_px * size / side
    return _alignment(
        matrix,
        size,
        (0, 0, size, size),
        gray=True,
        masked_eyes_xy=tuple((float(x), float(y)) for x, y in _moved(matrix, eyes)),
        eye_axes_px=(across * distance, up * distance),
    )


STYLES = MappingProxyType(
    {
        style.name: style
        for style in (
            AlignStyle(
                name="efficient-me", function=align_efficient_me, size=224, detector="mtcnn"
            ),
            AlignStyle(
                name="dense-attention", function=align_dense_attention, size=112, detector="haar"
            ),
            AlignStyle(name="mobilevit", function=align_mobilevit, size=256, detector="mtcnn"),
        )
    }
)


def align_style(name: str) -> AlignStyle:
    """Return the style of that name."""
    if name not in STYLES:
        raise unknown_name("alignment", name, STYLES)
    return STYLES[name]


def find_alignment(
    image: NDArray[np.generic],
    *,
    style: str = "efficient-me",
    size: int = 0,
    detector: str = "",
    store: ArrayStore | None = None,
) -> Alignment:
    """Find the face in one image and how to align it.

    Args:
        image: As in `detect_faces`.
        style: "efficient-me", "dense-attention" or "mobilevit".
        size: Width and height of the result; 0 is the paper's.
        detector: As in `detect_faces`; empty is the style's.
        store: As in `detect_faces`.

    Raises:
        ConfigError: Style or detector is not known, or the size is negative.
        DataError: There is no face, or only one that cannot be aligned.
    """
    chosen = align_style(style)
    if size < 0:
        raise ConfigError(f"The size is {size}; give a number of pixels, or 0 for the paper's.")
    faces = detect_faces([image], detector or chosen.detector, store=store, retry=True)[0]
    return chosen.function(choose_face(faces), size or chosen.size)


def require_frontal(face: Face) -> None:
    """Raise where eyes do not say how a face lies."""
    if min(face.size_xy) <= 0 or not 0 < face.turn < 1:
        raise DataError(
            "The face is turned too far to be aligned by its eyes: its nose is not between them. "
            "Leave it out, or choose another detector."
        )


def _turn(degrees: float, middle_xy: Point) -> NDArray[np.float64]:
    """Return the matrix that levels a line tilted by `degrees`, turning about a point."""
    return np.asarray(cv2.getRotationMatrix2D(middle_xy, degrees, 1.0))


def _scaled(
    matrix: NDArray[np.float64], corner_xy: Point, scale_xy: Point, to_xy: Point = (0.0, 0.0)
) -> NDArray[np.float64]:
    """Scale a matrix so that a corner falls on a pixel edge of the result."""
    scale, corner, edge = np.array(scale_xy), np.array(corner_xy), np.array(to_xy) - 0.5
    scaled = matrix * scale[:, None]
    scaled[:, 2] += edge - scale * corner
    return np.asarray(scaled)


def _fitted(
    matrix: NDArray[np.float64], box_xyxy: tuple[float, float, float, float], size: int
) -> Alignment:
    """Extend a matrix so that it fits a box into a square and keeps the aspect ratio."""
    x0, y0, x1, y1 = box_xyxy
    scale = size / max(x1 - x0, y1 - y0)
    width, height = ((edge * scale) for edge in (x1 - x0, y1 - y0))
    left, top = (size - width) / 2, (size - height) / 2
    shown = (round(left), round(top), round(left + width), round(top + height))
    return _alignment(_scaled(matrix, (x0, y0), (scale, scale), (left, top)), size, shown)


def _alignment(
    matrix: NDArray[np.float64],
    size: int,
    shown_xyxy: tuple[int, int, int, int],
    *,
    gray: bool = False,
    masked_eyes_xy: tuple[Point, ...] = (),
    eye_axes_px: Point = (0.0, 0.0),
) -> Alignment:
    (a, b, x), (c, d, y) = matrix.tolist()
    return Alignment(
        matrix=((a, b, x), (c, d, y)),
        width=size,
        height=size,
        shown_xyxy=shown_xyxy,
        gray=gray,
        masked_eyes_xy=masked_eyes_xy,
        eye_axes_px=eye_axes_px,
    )


def _moved(matrix: NDArray[np.float64], points_xy: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(points_xy @ matrix[:, :2].T + matrix[:, 2])
