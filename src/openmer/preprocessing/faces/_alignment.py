"""One transform for all frames of a clip, as a record that can be kept, printed and applied."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError
from openmer.preprocessing._frames import LUMA
from openmer.preprocessing.faces._detect import Point

_MOST_SAMPLES = 8  # per side of a pixel, where the image shrinks


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """One transform for all frames of a clip, and what is done with the pixels after it.

    Coordinates in pixels, x right, y down, (0, 0) the middle of the first pixel.

    Attributes:
        matrix: Two rows of three; ``matrix @ (x, y, 1)`` is where a point of the image comes to.
        width: Of the result.
        height: Of the result.
        shown_xyxy: Part of the result that shows the image, whole pixels, right and lower edge
            excluded; black elsewhere. Beyond the image its edge is continued.
        gray: Colour becomes brightness, 0.299 R + 0.587 G + 0.114 B.
        masked_eyes_xy: Middles of black ellipses, in the result; empty where no eye is masked.
        eye_axes_px: Half width and half height of these ellipses.
    """

    matrix: tuple[tuple[float, float, float], tuple[float, float, float]]
    width: int
    height: int
    shown_xyxy: tuple[int, int, int, int]
    gray: bool = False
    masked_eyes_xy: tuple[Point, ...] = ()
    eye_axes_px: Point = (0.0, 0.0)

    @property
    def scale(self) -> float:
        """Pixels of the result per pixel of the image: geometric mean of both axes."""
        (a, b, _), (c, d, _) = self.matrix
        return math.sqrt(abs(a * d - b * c))

    def points(self, points_xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where points of the image come to.

        Args:
            points_xy: Shape ``(points, 2)``.

        Returns:
            Shape ``(points, 2)``.
        """
        matrix = np.array(self.matrix)
        return np.asarray(points_xy @ matrix[:, :2].T + matrix[:, 2])

    def apply(self, image: NDArray[np.generic]) -> NDArray[np.float32]:
        """Transform an image.

        It is interpolated once, bicubically, and where it shrinks averaged over what falls into a
        pixel. Equal frames give equal bytes.

        Args:
            image: Values in 0..255, shape ``(height, width)`` or ``(height, width, 3)``.

        Returns:
            float32 in 0..255, shape ``(height, width)`` of the alignment; of a colour image
            ``(height, width, 3)``, unless the alignment is gray.

        Raises:
            DataError: `image` has another shape.
        """
        if image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)) or not image.size:
            raise DataError(
                f"Found an image of shape {image.shape}; give (height, width), or (height, width, "
                "3) with red, green and blue."
            )
        values = image.astype(np.float32)
        if self.gray and values.ndim == 3:
            values = values @ np.array(LUMA, np.float32)
        aligned = self._resampled(np.ascontiguousarray(values)).clip(0, 255)
        aligned[~self._shows()] = 0
        return mask_eyes(aligned, self.masked_eyes_xy, self.eye_axes_px)

    def _shows(self) -> NDArray[np.bool_]:
        """Which pixels of the result show the image or its continued edge."""
        shown = np.zeros((self.height, self.width), np.bool_)
        left, top, right, bottom = self.shown_xyxy
        shown[top:bottom, left:right] = True
        return shown

    def _resampled(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        samples = min(_MOST_SAMPLES, max(1, math.ceil(1 / self.scale - 0.01)))
        # The samples of a pixel lie evenly around its middle.
        matrix = np.array(self.matrix) * samples
        matrix[:, 2] += (samples - 1) / 2
        size = (self.width * samples, self.height * samples)
        # Continued beyond its border: black there would be an edge that no face has.
        warped = cv2.warpAffine(
            image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        if samples == 1:
            return np.asarray(warped)
        cells = warped.reshape(self.height, samples, self.width, samples, *image.shape[2:])
        return np.asarray(cells.mean(axis=(1, 3), dtype=np.float32))


def mask_eyes(
    image: NDArray[np.float32], eyes_xy: tuple[Point, ...], axes_px: Point
) -> NDArray[np.float32]:
    """Return a copy of the image with black ellipses over the eyes.

    Args:
        image: Shape ``(height, width)`` or ``(height, width, 3)``.
        eyes_xy: Their middles in pixels.
        axes_px: Half width and half height.

    Returns:
        The same shape; pixels whose middle lies in an ellipse are 0.
    """
    masked = image.copy()
    if not eyes_xy:
        return masked
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    for eye_x, eye_y in eyes_xy:
        across, down = (x - eye_x) / axes_px[0], (y - eye_y) / axes_px[1]
        masked[across**2 + down**2 <= 1] = 0
    return masked
