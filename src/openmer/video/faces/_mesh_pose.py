"""The head's pose from the face mesh, and the patch of a face as if it looked into the camera.

The points that lie on the skull are fitted by an affine camera; what the fit says of all others is
where they would be without an expression. An image is warped by that, triangle by triangle, so that
turning and nodding are taken away and what the face does is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from openmer.preprocessing import Mesh
from openmer.video.faces._patch import EYE_DISTANCE_PX, PLACES, SIDE_PX, Matrix, Patch
from openmer.video.spotting._regions import REGIONS, Layout, layout_of

Floats = NDArray[np.float64]

# Forehead, temples, root and bridge of the nose, corners of the eyes, cheekbones, before the ears.
_SKULL = (
    10, 109, 67, 103, 54, 21, 162, 127, 234, 93, 338, 297, 332, 284, 251, 389, 356, 454, 323, 151,
    9, 8, 168, 6, 197, 195, 5, 4, 33, 133, 362, 263, 116, 345, 111, 340, 143, 372, 34, 264,
)  # fmt: skip
_EYES = ((33, 133), (362, 263))
_TOP, _CHIN = 10, 152
# Points whose mean is the middle of each region, in the order of `REGIONS`.
_REGION_POINTS = MappingProxyType(
    {
        "right outer brow": (53, 70, 63, 105),
        "right inner brow": (55, 65, 107, 66),
        "left inner brow": (285, 295, 336, 296),
        "left outer brow": (283, 300, 293, 334),
        "root of the nose": (8, 168, 9),
        "right cheek": (50, 101, 36, 205),
        "left cheek": (280, 330, 266, 425),
        "right wing of the nose": (98, 129, 203, 64),
        "left wing of the nose": (327, 358, 423, 294),
        "right corner of the mouth": (61, 57, 185, 146),
        "left corner of the mouth": (291, 287, 409, 375),
        "upper lip": (0, 37, 267, 164),
        "lower lip": (17, 84, 314, 18),
        "chin": (199, 208, 428, 175),
    }
)
_LIDS = ((159, 145), (386, 374))
_LIPS, _MOUTH_SIDES = (13, 14), (61, 291)
_ROUNDS = 2
_LEAST_DEPTH = 1e-6
_FINER = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pose:
    """Where a head is.

    Attributes:
        camera: From the template to the image, ``(2, 4)``; the last column is the shift.
        degrees: Yaw, pitch and roll: turned to the subject's left, nodded down, tilted clockwise in
            the image.
    """

    camera: Floats
    degrees: Floats

    def seen(self, template_xyz: Floats) -> Floats:
        """Where points of the template are in the image, ``(points, 2)``."""
        return np.asarray(template_xyz @ self.camera[:, :3].T + self.camera[:, 3])


class Template:
    """The shape of one face, by which its patch is cut out of any frame.

    Args:
        shape_xyz: Of the face as it looks into the camera, ``(468, 3)``, in pixels of the patch; as
            `frontal` gives it.
    """

    def __init__(self, shape_xyz: Floats) -> None:
        self.shape_xyz = shape_xyz
        self._skull = np.column_stack([shape_xyz[list(_SKULL)], np.ones(len(_SKULL))])

    def pose(self, mesh: Mesh) -> Pose:
        """Fit the skull of the template to a mesh; points that move alone count little."""
        target = mesh.points_xy[list(_SKULL)]
        weights = np.ones(len(_SKULL))
        camera: Floats = np.zeros((2, 4))
        for _ in range(_ROUNDS):
            weighted = self._skull * weights[:, None]
            found = np.linalg.lstsq(weighted.T @ self._skull, weighted.T @ target, rcond=None)[0]
            camera = np.asarray(found.T)
            away = np.hypot(*(target - self._skull @ camera.T).T)
            weights = 1 / (1 + (away / (2 * max(float(np.median(away)), 1e-3))) ** 2)
        return Pose(camera=camera, degrees=_degrees(camera[:, :3]))

    def unposed(self, mesh: Mesh, pose: Pose) -> Floats:
        """Each point's displacement from the template, ``(468, 2)``, pixels of the patch.

        What the pose leaves is brought back through the part of the camera in the plane.
        """
        rest = mesh.points_xy - pose.seen(self.shape_xyz)
        return np.asarray(rest @ np.linalg.pinv(pose.camera[:, :2]).T)

    def cut(self, gray: NDArray[np.uint8], pose: Pose, moved: Matrix | None = None) -> Patch:
        """Cut the patch out of a gray image.

        Args:
            gray: The image.
            pose: Of the head in it.
            moved: What the head has moved inside the patch beyond its pose; None is nothing.
        """
        grid = cv2.transform(self._surface, pose.camera).astype(np.float32)
        if moved is not None:
            y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32)
            at = np.stack([x, y], -1) @ moved[:, :2].T + moved[:, 2]
            grid = cv2.remap(
                grid, at[..., 0].astype(np.float32), at[..., 1].astype(np.float32),
                cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
            ).astype(np.float32, copy=False)  # fmt: skip
        side = SIDE_PX * _FINER
        finer = cv2.resize(grid, (side, side), interpolation=cv2.INTER_LINEAR)
        large = cv2.remap(
            gray, finer[..., 0], finer[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        small = cv2.resize(large, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)

    def matrix(self, pose: Pose) -> Matrix:
        """Turn, scale and shift that bring the image nearest to the patch."""
        skull = self.shape_xyz[list(_SKULL)]
        return _similar(pose.seen(skull), skull[:, :2])

    @cached_property
    def layout(self) -> Layout:
        """Where the parts of this face lie on its patch."""
        flat = self.shape_xyz[:, :2] / SIDE_PX
        places = {name: flat[list(near)].mean(0) for name, near in _REGION_POINTS.items()}
        places |= {
            "right eye": flat[list(_EYES[0])].mean(0),
            "left eye": flat[list(_EYES[1])].mean(0),
            "mouth": flat[[*_MOUTH_SIDES, *_LIPS]].mean(0),
        }
        return layout_of(places)

    @cached_property
    def _surface(self) -> Floats:
        """Place of each pixel of the patch on the template, ``(SIDE_PX, SIDE_PX, 3)``.

        Off the mesh it is that of the plane nearest to all of its points.
        """
        flat = self.shape_xyz[:, :2]
        mesh = Delaunay(flat)
        y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
        pixels = np.stack([x.ravel(), y.ravel()], 1).astype(np.float64)
        found = mesh.find_simplex(pixels)
        corners = mesh.simplices[np.maximum(found, 0)].astype(np.int64)
        way = mesh.transform[np.maximum(found, 0)]
        two = np.einsum("pij,pj->pi", way[:, :2], pixels - way[:, 2])
        shares = np.column_stack([two, 1 - two.sum(1)])
        surface = np.einsum("pk,pkd->pd", shares, self.shape_xyz[corners])
        off = found < 0
        plane = _fitted_plane(flat, self.shape_xyz)
        surface[off] = np.column_stack([pixels[off], np.ones(int(off.sum()))]) @ plane
        return np.asarray(surface.reshape(SIDE_PX, SIDE_PX, 3))


def frontal(mesh: Mesh) -> Floats:
    """Turn a mesh so that it looks into the camera, its eyes at their places in the patch."""
    points = mesh.points_xyz
    right, left = (points[list(eye)].mean(0) for eye in _EYES)
    across = _unit(left - right)
    down = points[_CHIN] - points[_TOP]
    down = _unit(down - across * (down @ across))
    axes = np.stack([across, down, np.cross(across, down)])
    scale = EYE_DISTANCE_PX / max(float(np.linalg.norm(left - right)), 1e-6)
    shape = (points - (right + left) / 2) @ axes.T * scale
    shape[:, :2] += PLACES[:2].mean(0) * SIDE_PX
    return np.asarray(shape)


def region_shifts(unposed: Floats) -> Floats:
    """Mean displacement of the points of each region, ``(regions, 2)``."""
    return np.stack([unposed[list(_REGION_POINTS[name])].mean(0) for name in REGIONS])


def mouth_of(mesh: Mesh) -> tuple[float, float]:
    """Measure opening and width of the mouth over the distance of the outer corners of the eyes."""
    points = mesh.points_xyz
    eyes = max(float(np.linalg.norm(points[_EYES[0][0]] - points[_EYES[1][1]])), 1e-6)
    opening = float(np.linalg.norm(points[_LIPS[0]] - points[_LIPS[1]]))
    width = float(np.linalg.norm(points[_MOUTH_SIDES[0]] - points[_MOUTH_SIDES[1]]))
    return opening / eyes, width / eyes


def lids_of(mesh: Mesh) -> tuple[float, float]:
    """Distance of the lids over the distance of the outer corners of the eyes, right and left."""
    points = mesh.points_xyz
    eyes = max(float(np.linalg.norm(points[_EYES[0][0]] - points[_EYES[1][1]])), 1e-6)
    right, left = (float(np.linalg.norm(points[up] - points[low])) / eyes for up, low in _LIDS)
    return right, left


def _degrees(linear: Floats) -> Floats:
    """Yaw, pitch and roll of the rotation nearest to an affine camera."""
    u, _, v = np.linalg.svd(linear, full_matrices=False)
    rows = u @ v
    third = np.cross(rows[0], rows[1])
    yaw = np.arctan2(-rows[0, 2], np.hypot(rows[1, 2], third[2]))
    pitch = np.arctan2(rows[1, 2], third[2])
    roll = np.arctan2(rows[1, 0], rows[0, 0])
    return np.asarray(np.degrees(np.array([yaw, pitch, roll])))


def _similar(source: Floats, target: Floats) -> Matrix:
    """Least squares turn, scale and shift from one set of points to another (Umeyama, 1991)."""
    a, b = source - source.mean(0), target - target.mean(0)
    size = max(float((a * a).sum()), _LEAST_DEPTH)
    cos = float((a * b).sum()) / size
    sin = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / size
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.hstack([linear, (target.mean(0) - linear @ source.mean(0))[:, None]])


def _fitted_plane(source: Floats, target: Floats) -> Floats:
    """Coefficients of x, y and 1 that carry the patch to other points, ``(3, dimensions)``."""
    places = np.column_stack([source, np.ones(len(source))])
    return np.asarray(np.linalg.lstsq(places, target, rcond=None)[0])


def _unit(way: Floats) -> Floats:
    return np.asarray(way / max(float(np.linalg.norm(way)), 1e-9))
