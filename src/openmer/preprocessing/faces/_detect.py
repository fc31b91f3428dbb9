"""Faces in images: a box, a score and five landmarks, by one of several detectors.

Detectors are kept by name; `register_detector` adds one. An image is looked at alone, on one
thread, so that its faces do not depend on the images beside it (a batch of them would not be
faster: measured with the networks of MTCNN).

Policy: an image may hold no face, and gets an empty tuple; whoever needs one says so (`choose_face`
raises). Of several faces, those with at least half the area of the largest count, and the one
nearest to the middle of the image is taken. Beside a large face, "mtcnn" does not look for faces
too small to count: that would take more time than all else, and change no choice. Faces are found
upright, or tilted by up to 25 degrees ("haar": 10), from 20 pixels on ("landmarks68": 40). A
profile may be found, but is not aligned (`_align`). Gray images count as
colour images without colour. "whole" looks for nothing: it takes every image for a face already cut
out, in which detectors miss many. "mesh" and "mesh-tight" need two files (`fetch_face_mesh`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError
from openmer.preprocessing._one_thread import opencv_on_one_thread
from openmer.preprocessing.faces import _haar, _landmarks68, _mtcnn
from openmer.preprocessing.faces._retry import look_again
from openmer.registry import Registry, Versioned

LANDMARKS = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
WHOLE = "whole"  # the detector that takes the whole image for the face

_CHANGED_ROWS = 1  # raised when rows of `_to_row` mean something else

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One face in one image. Coordinates in pixels, x right, y down, (0, 0) the first one's middle.

    Attributes:
        box_xyxy: Left, top, right and bottom edge; may lie outside of the image.
        score: How sure the detector is, larger is surer; comparable only within one detector.
        landmarks_xy: Five points, in the order of `LANDMARKS`. Right and left are the subject's
            own: in a picture that is not flipped the right eye is on the left.
        image_xy: Width and height of the image in pixels.
        guessed: Names of the landmarks that the detector did not find: they stand in their usual
            places in the box, or relative to the eyes.
        points68_xy: The 68 points of the iBUG scheme; empty where the detector has none.
    """

    box_xyxy: tuple[float, float, float, float]
    score: float
    landmarks_xy: tuple[Point, ...]
    image_xy: tuple[int, int]
    guessed: tuple[str, ...] = ()
    points68_xy: tuple[Point, ...] = ()

    @property
    def right_eye_xy(self) -> Point:
        """The middle of the subject's right eye."""
        return self.landmarks_xy[0]

    @property
    def left_eye_xy(self) -> Point:
        """The middle of the subject's left eye."""
        return self.landmarks_xy[1]

    @property
    def size_xy(self) -> Point:
        """Width and height of the box in pixels."""
        x0, y0, x1, y1 = self.box_xyxy
        return x1 - x0, y1 - y0

    @property
    def eye_distance_px(self) -> float:
        """From eye to eye."""
        return float(np.hypot(*self._eye_to_eye))

    @property
    def tilt_degrees(self) -> float:
        """How far the line of the eyes is from level, in -90..90; positive is clockwise."""
        dx, dy = self._eye_to_eye
        return float(np.degrees(np.arctan2(dy, dx) if dx > 0 else np.arctan2(-dy, -dx)))

    @property
    def turn(self) -> float:
        """Where the nose is along the line from eye to eye: 0.5 frontal, below 0 or above 1 turned.

        nan where both eyes are one point.
        """
        (x, y), (nose_x, nose_y) = self.right_eye_xy, self.landmarks_xy[2]
        dx, dy = self._eye_to_eye
        along = (nose_x - x) * dx + (nose_y - y) * dy
        square = dx * dx + dy * dy
        return along / square if square else float("nan")

    @property
    def _eye_to_eye(self) -> Point:
        (right_x, right_y), (left_x, left_y) = self.right_eye_xy, self.left_eye_xy
        return left_x - right_x, left_y - right_y


class Detector(Protocol):
    """Finds the faces in one image."""

    def __call__(self, image_rgb: NDArray[np.uint8], /) -> Iterable[Face]:
        """Faces in an image of shape ``(height, width, 3)``, 0..255, the surest first."""


class ArrayStore(Protocol):
    """Keeps arrays under names, as `openmer.preprocessing.ArrayCache` does."""

    def load(self, key: str) -> NDArray[np.float32] | None:
        """Return the array of that name, or None."""

    def save(self, key: str, array: NDArray[np.float32]) -> None:
        """Keep an array under a name."""


FaceDetector = Versioned[Detector]

_DETECTORS: Registry[FaceDetector] = Registry("face detector")


def register_detector(name: str, *, version: int = 1) -> Callable[[Detector], Detector]:
    """Return a decorator that registers a function as the face detector `name`.

    Args:
        name: How a recipe calls it.
        version: Raised whenever it finds other faces, so that no cached face outlives it.

    Returns:
        The decorator. The function takes an image, uint8, ``(height, width, 3)``, and returns its
        faces, `openmer.preprocessing.Face`, the surest first.

    Raises:
        ValueError: The name is taken.

    Example:
        @openmer.register_detector("blind")
        def blind(image_rgb):
            return []
    """
    return _DETECTORS.decorator(
        name, lambda function: Versioned(name=name, version=version, function=function)
    )


def list_detectors() -> tuple[str, ...]:
    """Names of all face detectors, sorted."""
    return tuple(_DETECTORS.names())


def face_detector(name: str) -> FaceDetector:
    """Return the face detector of that name.

    Raises:
        ConfigError: There is none; the nearest name is suggested.
    """
    return _DETECTORS[name]


def ensure_detector(detector: FaceDetector) -> None:
    """Make a detector known under its name, unless the name is: for processes started later."""
    _DETECTORS.keep(detector.name, detector)


def detect_faces(
    images: Iterable[NDArray[np.generic]],
    detector: str = "mtcnn",
    *,
    store: ArrayStore | None = None,
    retry: bool = False,
) -> list[tuple[Face, ...]]:
    """Detect all faces that can count, in each image.

    Args:
        images: Shape ``(height, width, 3)``, red, green, blue, or ``(height, width)``, each of any
            size; 8 bits, or floating-point values in 0..255.
        detector: "mtcnn", "haar", "landmarks68", "mesh", "mesh-tight", "whole" or a registered one.
        store: Where found faces are kept and found again, by detector and pixels; None looks again.
        retry: Whether an image without a face is looked at again with a wider edge, and enlarged.

    Returns:
        The faces of each image, the surest first; empty where there is none. "mtcnn" may leave out
        faces of less than half the area of the largest one, where that one is sure and has at least
        0.28 of the image's shorter side. Numbers have the precision of float32, whether they come
        from the store or not.

    Raises:
        ConfigError: The detector is not known, or needs a package that is not installed.
        DataError: An array is no such image, and is named by its place; the store cannot be
            written; the files of "mesh" cannot be had.
    """
    chosen = face_detector(detector)
    return [
        _detect(_eight_bit_rgb(image, place), chosen, store, retry=retry)
        for place, image in enumerate(images)
    ]


def choose_face(faces: Sequence[Face]) -> Face:
    """Choose the face that a clip is about.

    Of the faces with at least half the area of the largest, the one whose box is nearest to the
    middle of the image; the surer one of two at the same place.

    Raises:
        DataError: There is no face.
    """
    if not faces:
        raise DataError(
            "No face was found. Give an upright, frontal face of at least 20 px, or choose another "
            "detector."
        )
    largest = max(_area(face) for face in faces)
    large = [face for face in faces if 2 * _area(face) >= largest]
    return min(large, key=lambda face: (_from_middle_px(face), -face.score))


def _area(face: Face) -> float:
    width, height = face.size_xy
    return width * height


def _from_middle_px(face: Face) -> float:
    x0, y0, x1, y1 = face.box_xyxy
    width, height = face.image_xy
    return float(np.hypot((x0 + x1 - width + 1) / 2, (y0 + y1 - height + 1) / 2))


def _detect(
    image_rgb: NDArray[np.uint8],
    detector: FaceDetector,
    store: ArrayStore | None,
    *,
    retry: bool,
) -> tuple[Face, ...]:
    """Faces of one image, from the store if they are there."""
    key = "" if store is None else _key(image_rgb, detector, retry=retry)
    rows = None if store is None else store.load(key)
    if rows is None:
        found = [_to_row(face) for face in _found(image_rgb, detector, retry=retry)]
        rows = np.stack(found) if found else np.empty((0, 0), np.float32)
        if store is not None:
            store.save(key, rows)
    height, width = image_rgb.shape[:2]
    return tuple(_from_row(row, (width, height)) for row in rows)


def _found(image_rgb: NDArray[np.uint8], detector: FaceDetector, *, retry: bool) -> list[Face]:
    """Run the detector on one thread."""

    def find(image: NDArray[np.uint8]) -> list[Face]:
        return list(detector.function(image))

    with opencv_on_one_thread():
        faces = find(image_rgb)
        return look_again(image_rgb, find) if retry and not faces else faces


def _key(image_rgb: NDArray[np.uint8], detector: FaceDetector, *, retry: bool) -> str:
    pixels = hashlib.sha256(np.ascontiguousarray(image_rgb).data).hexdigest()
    shape = image_rgb.shape
    record = ["faces", _CHANGED_ROWS, detector.name, detector.version, retry, shape, pixels]
    return hashlib.sha256(json.dumps(record).encode()).hexdigest()


def _to_row(face: Face) -> NDArray[np.float32]:
    """Box, score, which points are guessed (bits), five points and, if there are any, 68."""
    points = np.array(face.landmarks_xy + face.points68_xy).ravel()
    marks = sum(1 << place for place, name in enumerate(LANDMARKS) if name in face.guessed)
    return np.array([*face.box_xyxy, face.score, marks, *points], np.float32)


def _from_row(row: NDArray[np.float32], image_xy: tuple[int, int]) -> Face:
    x0, y0, x1, y1, score, marks, *coordinates = (float(number) for number in row)
    points = tuple(zip(coordinates[::2], coordinates[1::2], strict=True))
    return Face(
        box_xyxy=(x0, y0, x1, y1),
        score=score,
        landmarks_xy=points[:5],
        image_xy=image_xy,
        guessed=tuple(name for place, name in enumerate(LANDMARKS) if int(marks) >> place & 1),
        points68_xy=points[5:],
    )


def _eight_bit_rgb(image: NDArray[np.generic], place: int) -> NDArray[np.uint8]:
    """Convert an image to what the detectors read."""
    if image.ndim == 2:
        image = np.stack([image, image, image], axis=-1)
    if image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise DataError(
            f"Image {place} has shape {image.shape}; give (height, width, 3), red, green, blue, or "
            "(height, width)."
        )
    if image.dtype == np.uint8:
        return np.ascontiguousarray(image, np.uint8)
    values = np.ascontiguousarray(image, np.float32)
    if not (values.min() >= -0.5 and values.max() < 255.5):  # not nan either
        raise DataError(
            f"Image {place} has values in {values.min():g}..{values.max():g}; give 0..255."
        )
    return np.asarray(cv2.convertScaleAbs(values), np.uint8)  # rounded half to even


def _faces_of_rows(
    rows: NDArray[np.float32], image_rgb: NDArray[np.uint8], *, marks: Sequence[int] = ()
) -> list[Face]:
    """Faces from rows of box, score and points, and which of these are guessed (bits)."""
    height, width = image_rgb.shape[:2]
    return [
        _from_row(np.insert(row, 5, mark), (width, height))
        for row, mark in zip(rows, marks or [0] * len(rows), strict=True)
    ]


@register_detector("mtcnn", version=2)
def _find_by_mtcnn(image_rgb: NDArray[np.uint8], /) -> list[Face]:
    """Three networks in a cascade, large faces first, from 20 pixels on; landmarks are found."""
    return _faces_of_rows(_mtcnn.find_faces(image_rgb), image_rgb)


@register_detector("haar")
def _find_by_haar(image_rgb: NDArray[np.uint8], /) -> list[Face]:
    """OpenCV's cascade; eyes by a second one or guessed, nose and mouth always guessed."""
    rows, eyes_guessed = _haar.find_faces(image_rgb)
    marks = [0b11111 if guessed else 0b11100 for guessed in eyes_guessed]
    return _faces_of_rows(rows, image_rgb, marks=marks)


@register_detector(WHOLE)
def _take_whole(image_rgb: NDArray[np.uint8], /) -> list[Face]:
    """Take the whole image as the face and its edge as the box; guess all landmarks."""
    sides = np.array(image_rgb.shape[1::-1], np.float32)
    points = _haar.USUAL_XY * sides - 0.5
    row = np.array([-0.5, -0.5, *(sides - 0.5), 1.0, *points.ravel()], np.float32)
    return _faces_of_rows(row[None], image_rgb, marks=[0b11111])


@register_detector("landmarks68")
def _find_by_dlib(image_rgb: NDArray[np.uint8], /) -> list[Face]:
    """Dlib's detector and its 68 points; an optional extra."""
    return _faces_of_rows(_landmarks68.find_faces(image_rgb), image_rgb)


@register_detector("mesh")
def _find_by_mesh(image_rgb: NDArray[np.uint8], /) -> list[Face]:
    """Fit the mesh of 468 points to each face of "mtcnn"; eyes are the means of their corners."""
    boxes = [tuple(map(float, row[:4])) for row in _mtcnn.find_faces(image_rgb)]
    return _meshed(image_rgb, boxes)


@register_detector("mesh-tight")
def _find_by_tight_mesh(image_rgb: NDArray[np.uint8], /) -> list[Face]:
    """Fit the mesh to an image that is a face already cut out, in which others miss many."""
    height, width = image_rgb.shape[:2]
    return _meshed(image_rgb, [(-0.5, -0.5, width - 0.5, height - 0.5)])


def _meshed(image_rgb: NDArray[np.uint8], boxes: Sequence[tuple[float, ...]]) -> list[Face]:
    """Faces by their mesh; those that it does not fit are none."""
    from openmer.preprocessing.faces import _mesh

    fitted = [_mesh.find_mesh(image_rgb, (x0, y0, x1, y1)) for x0, y0, x1, y1 in boxes]
    rows = [
        [*mesh.box_xyxy, mesh.score, *mesh.points_5.ravel(), *mesh.points_68.ravel()]
        for mesh in fitted
        if mesh.is_face
    ]
    return _faces_of_rows(np.array(rows, np.float32).reshape(-1, 151), image_rgb)
