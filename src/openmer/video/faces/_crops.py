"""Pictures of one face cut out of a video, held still: what a method is given of an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.clip import Clip
from openmer.errors import DataError
from openmer.video.faces._patch import EYE_DISTANCE_PX, PLACES, SIDE_PX, Matrix
from openmer.video.io._frame import VideoFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """Where the eyes are in a picture of a face.

    Attributes:
        side_px: Width and height.
        eye_distance: From eye to eye, as a share of the side.
        eyes_y: Height of the eyes below the upper edge, likewise.
    """

    side_px: int
    eye_distance: float
    eyes_y: float

    def matrix(self, to_patch: Matrix) -> Matrix:
        """From pixels of the image to those of the picture, given the way to the patch."""
        scale = self.eye_distance * self.side_px / EYE_DISTANCE_PX
        eyes = PLACES[:2].mean(0) * SIDE_PX
        shift = np.array([0.5, self.eyes_y]) * self.side_px - scale * eyes
        matrix = scale * to_patch
        matrix[:, 2] += shift
        return matrix


# As faces lie in the flow images of the MEGC 2019 composite: eyes at a quarter of the height, 0.55
# of the width apart (seen in where lids, brows and mouth move in the mean of the 442 clips).
TIGHT = Framing(side_px=224, eye_distance=0.55, eyes_y=0.25)
# With room for a face detector, for methods that align by themselves, and to look at.
WIDE = Framing(side_px=320, eye_distance=0.27, eyes_y=0.42)


def crop(image: NDArray[np.uint8], to_patch: Matrix, framing: Framing) -> NDArray[np.uint8]:
    """One picture, shape ``(side, side, 3)`` or ``(side, side)``; the image's edge is repeated.

    Args:
        image: Shape ``(height, width, 3)`` or ``(height, width)``, 0..255.
        to_patch: From pixels of the image to those of the patch, as in `Seen`.
        framing: Where the eyes shall be.
    """
    matrix = framing.matrix(to_patch)
    shrinks = np.sqrt(abs(np.linalg.det(matrix[:, :2]))) < 0.7
    times = 2 if shrinks else 1
    finer = matrix * times + np.array([[0, 0, (times - 1) / 2]] * 2)
    side = framing.side_px * times
    large = cv2.warpAffine(
        image, finer, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    if times == 1:
        return np.asarray(large, np.uint8)
    size = (framing.side_px, framing.side_px)
    return np.asarray(cv2.resize(large, size, interpolation=cv2.INTER_AREA), np.uint8)


class FaceFrames:
    """The frames of an event, each cut out when it is asked for, the head's movement undone.

    They serve as the frames of a clip (`openmer.preprocessing.Frames`).

    Args:
        clip: Names as many frames as there are matrices.
        frames: Of the video, by their places in the clip; those that are read must be there.
        matrices: From pixels of the image to those of the patch, in each frame of the clip.
        framing: Where the eyes shall be.
    """

    def __init__(
        self,
        clip: Clip,
        frames: Mapping[int, VideoFrame],
        matrices: Sequence[Matrix],
        framing: Framing,
    ) -> None:
        self.clip = clip
        self._frames, self._matrices, self._framing = frames, matrices, framing

    def gray(self, number: int) -> NDArray[np.float32]:
        """Return a frame, ``(side, side)``, 0..255."""
        return self._cut(number, self._frame(number).gray)

    def colours(self, number: int) -> NDArray[np.float32]:
        """Return a frame, ``(side, side, 3)``, 0..255."""
        return self._cut(number, self._frame(number).image_rgb)

    def _cut(self, number: int, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return crop(image, self._matrices[number], self._framing).astype(np.float32)

    def _frame(self, number: int) -> VideoFrame:
        if number not in self._frames:
            raise DataError(
                f"{self.clip.key}: frame {number} of the event is no longer at hand. Do not change "
                "the video while it is analysed; live, keep more seconds of frames."
            )
        return self._frames[number]
