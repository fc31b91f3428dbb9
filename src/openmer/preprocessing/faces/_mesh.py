"""The face mesh of 468 points and the iris network, run by OpenCV.

The networks look at a square around a face. That of the next frame of a video is made of the points
of the last one, so that no detector is needed while a face stays in view.

References:
    Kartynnik et al. (2019), Real-time facial surface geometry from monocular video on mobile GPUs;
    Ablavatski et al. (2020), Real-time pupil tracking from monocular video for digital puppetry.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.preprocessing.faces._mesh_files import read_network

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

RIGHT_EYE, LEFT_EYE = (33, 133), (263, 362)  # outer and inner corners
NOSE, MOUTH = 4, (61, 291)
# Places of the 68 points of the iBUG scheme among the 468; those of the outline lie nearby.
POINTS_68 = (
    127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip

_MESH_PX, _EYE_PX = 192, 64
_AROUND = 1.5  # side of the square over the longer side of the mesh
_AROUND_EYE = 2.3
_PRESENT = 0.5
_ROUNDS = 2  # in which the square around a detected face is made better


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mesh:
    """A face as 468 points of its surface.

    Attributes:
        points_xyz: Shape ``(468, 3)``: x right, y down in pixels of the image, (0, 0) the middle of
            the first one; z away from the camera in pixels of the same size, about its middle.
        score: How sure the network is that there is a face, 0..1.
    """

    points_xyz: Floats
    score: float

    @property
    def is_face(self) -> bool:
        """Whether there is a face, rather than not."""
        return self.score >= _PRESENT

    @property
    def points_xy(self) -> Floats:
        """The points in the image, ``(468, 2)``."""
        return self.points_xyz[:, :2]

    @property
    def points_5(self) -> Floats:
        """Eyes, nose and corners of the mouth, the right ones first, ``(5, 2)``."""
        right, left = (self.points_xy[list(eye)].mean(0) for eye in (RIGHT_EYE, LEFT_EYE))
        return np.stack([right, left, *self.points_xy[[NOSE, *MOUTH]]])

    @property
    def points_68(self) -> Floats:
        """The nearest of the 468 points to each of the iBUG scheme's 68, ``(68, 2)``."""
        return self.points_xy[list(POINTS_68)]

    @property
    def box_xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom edge of the points."""
        (x0, y0), (x1, y1) = self.points_xy.min(0), self.points_xy.max(0)
        return float(x0), float(y0), float(x1), float(y1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EyeLook:
    """One eye: a record, because a face has two.

    Attributes:
        openness: Distance of the lids over the width of the eye.
        gaze_xy: Where the middle of the iris is from the middle of the eye, over its half width; x
            right in the image, y down.
    """

    openness: float
    gaze_xy: tuple[float, float]


def find_mesh(image: Image, near: Mesh | tuple[float, float, float, float]) -> Mesh:
    """Fit the mesh to the face at a place.

    Args:
        image: Shape ``(height, width)`` or ``(height, width, 3)``, red, green, blue.
        near: The mesh of the frame before, or the box of a detector.

    Raises:
        DataError: The files of the network cannot be had.
    """
    if isinstance(near, Mesh):
        return _fitted(image, _square(near))
    x0, y0, x1, y1 = near
    side = _AROUND * max(x1 - x0, y1 - y0)
    mesh = _fitted(image, _placed((x0 + x1) / 2, (y0 + y1) / 2, side, 0.0, _MESH_PX))
    for _ in range(_ROUNDS):
        mesh = _fitted(image, _square(mesh)) if mesh.is_face else mesh
    return mesh


def look_at_eye(image: Image, mesh: Mesh, eye: tuple[int, int]) -> EyeLook:
    """Measure one eye by its lids and iris.

    Args:
        image: As in `find_mesh`.
        mesh: Of the face.
        eye: `RIGHT_EYE` or `LEFT_EYE`.

    Raises:
        DataError: The files of the network cannot be had.
    """
    outer, inner = mesh.points_xy[list(eye)]
    flip = -1.0 if eye == LEFT_EYE else 1.0  # the network knows an eye with its outer corner left
    across = (inner - outer) * flip
    x, y = (outer + inner) / 2
    side = _AROUND_EYE * float(np.hypot(*across))
    matrix = _placed(float(x), float(y), side, float(np.arctan2(across[1], across[0])), _EYE_PX)
    if flip < 0:
        matrix[0] = -matrix[0] + np.array([0, 0, _EYE_PX - 1])
    contour, iris = _run("iris", _cut(image, matrix, _EYE_PX))
    points = contour.reshape(71, 3)[:, :2]
    width = max(float(np.hypot(*(points[8] - points[0]))), 1.0)
    lids = abs(float(points[[11, 12, 13], 1].mean() - points[[3, 4, 5], 1].mean()))
    away = (iris.reshape(5, 3)[0, :2] - (points[0] + points[8]) / 2) / (width / 2)
    return EyeLook(openness=lids / width, gaze_xy=(flip * float(away[0]), float(away[1])))


def _fitted(image: Image, matrix: Floats) -> Mesh:
    """Run the network on the square that a matrix cuts out."""
    numbers, logit = _run("mesh", _cut(image, matrix, _MESH_PX))
    points = numbers.reshape(468, 3)
    back = cv2.invertAffineTransform(matrix)
    scale = float(np.sqrt(abs(np.linalg.det(back[:, :2]))))
    xy = points[:, :2] @ back[:, :2].T + back[:, 2]
    score = float(1 / (1 + np.exp(-np.clip(logit.ravel()[0], -50, 50))))
    return Mesh(points_xyz=np.column_stack([xy, points[:, 2] * scale]), score=score)


def _square(mesh: Mesh) -> Floats:
    """Return the matrix of the square around a mesh, turned so that its eyes are level."""
    dx, dy = mesh.points_xy[LEFT_EYE[0]] - mesh.points_xy[RIGHT_EYE[0]]
    angle = float(np.arctan2(dy, dx))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    level = mesh.points_xy @ turn.T
    low, high = level.min(0), level.max(0)
    x, y = ((low + high) / 2) @ turn
    side = max(_AROUND * float((high - low).max()), 8.0)
    return _placed(float(x), float(y), side, angle, _MESH_PX)


def _placed(x: float, y: float, side: float, angle: float, size: int) -> Floats:
    """From the image to a square picture of it, given its middle, side and turn."""
    scale = size / max(side, 1.0)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cos, sin], [-sin, cos]])
    return np.hstack([linear, (np.full(2, (size - 1) / 2) - linear @ (x, y))[:, None]])


def _cut(image: Image, matrix: Floats, size: int) -> Image:
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    times = 2 if scale < 0.7 else 1
    finer = matrix * times + np.array([[0, 0, (times - 1) / 2]] * 2)
    large = cv2.warpAffine(
        image, finer, (size * times, size * times), flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    if times == 1:
        return np.asarray(large, np.uint8)
    return np.asarray(cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _run(name: str, picture: Image) -> tuple[Floats, Floats]:
    """Return both outputs of a network, the longer one first."""
    colours = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    blob = colours.transpose(2, 0, 1)[None].astype(np.float32) / 255
    network, names, lock = _network(name)
    with lock:
        network.setInput(blob)
        found = [np.asarray(one) for one in network.forward(names)]
    first, second = sorted(found, key=lambda one: -one.size)
    return first.astype(np.float64), second.astype(np.float64)


@lru_cache(maxsize=2)
def _network(name: str) -> tuple[cv2.dnn.Net, tuple[str, ...], threading.Lock]:
    network = cv2.dnn.readNetFromTFLite(np.frombuffer(read_network(name), np.uint8))
    return network, tuple(network.getUnconnectedOutLayersNames()), threading.Lock()
