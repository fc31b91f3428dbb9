"""Decoded pictures as arrays of 8 bits: upright, with square pixels, all of one size."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError
from openmer.preprocessing import gray_of
from openmer.video.io._container import readable_errors, reason_of

if TYPE_CHECKING:
    from av import VideoFrame as AvFrame

Image = NDArray[np.uint8]

_WIDEST_PIXEL = 8  # a wider or higher one is a broken header


class Picture(Protocol):
    """What a frame shows, made into arrays when it is asked for."""

    def rgb(self) -> Image:
        """Red, green and blue, 0..255, shape ``(height, width, 3)``."""

    def gray(self) -> Image:
        """Brightness, 0..255, shape ``(height, width)``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrayPicture:
    """A picture that is an array already.

    Attributes:
        image_rgb: 0..255, shape ``(height, width, 3)``.
    """

    image_rgb: Image

    def rgb(self) -> Image:
        """Return the array itself."""
        return self.image_rgb

    def gray(self) -> Image:
        """0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded."""
        return np.rint(gray_of(self.image_rgb)).astype(np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How stored pictures are made upright: first swapped, then flipped.

    Attributes:
        swapped: Rows become columns.
        left_right: Flipped sideways.
        up_down: Flipped head over heels.
    """

    swapped: bool = False
    left_right: bool = False
    up_down: bool = False

    @property
    def degrees(self) -> int:
        """Clockwise turn, 0, 90, 180 or 270; a flip is not counted."""
        if self.swapped:
            return 90 if self.left_right else 270
        return 180 if self.up_down else 0

    def carried_out(self, image: Image) -> Image:
        """Rotate the image upright, into memory of its own."""
        if self.swapped:
            image = image.swapaxes(0, 1)
        if self.left_right:
            image = image[:, ::-1]
        if self.up_down:
            image = image[::-1]
        return np.ascontiguousarray(image)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The size and turn that every frame of a video is brought to.

    Attributes:
        width: Pixels before turning, square ones.
        height: Likewise.
        turn: From the stored to the upright picture.
    """

    width: int
    height: int
    turn: Turn

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height of the arrays."""
        size = (self.width, self.height)
        return size[::-1] if self.turn.swapped else size


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedPicture:
    """A picture as the decoder gave it; it stays valid when decoding goes on.

    Attributes:
        frame: Of PyAV; its memory is held by this object.
        form: What arrays are brought to.
    """

    frame: AvFrame
    form: Form

    def rgb(self) -> Image:
        """Convert with the matrix and range that the file states, else BT.601 and limited range.

        Within 2 gray levels of exact arithmetic; exact conversion takes four times as long.
        """
        return self._converted("rgb24")

    def gray(self) -> Image:
        """Return the video's own brightness (luma), limited range stretched to 0..255."""
        return self._converted("gray")

    def _converted(self, pixels: str) -> Image:
        form = self.form
        try:
            # One thread: starting PyAV's own for each frame costs several times the conversion.
            frame = self.frame.reformat(
                width=form.width, height=form.height, format=pixels, threads=1
            )
            image = np.asarray(frame.to_ndarray(), np.uint8)
        except readable_errors() as error:
            raise DataError(
                f"Found frames with pixels of the kind {self.frame.format.name!r}, which cannot "
                f"be converted ({reason_of(error)}). Convert the video to H.264 with yuv420p."
            ) from error
        return form.turn.carried_out(image)


def form_of(frame: AvFrame, pixel_aspect: Fraction | None) -> Form:
    """Size and turn for a video, by its first frame.

    Pixels that are not square are made so by enlarging one side: nothing that was recorded is lost.

    Args:
        frame: The first one.
        pixel_aspect: Width of a stored pixel over its height; None or nonsense counts as 1.
    """
    aspect = pixel_aspect or Fraction(1)
    if not Fraction(1, _WIDEST_PIXEL) <= aspect <= _WIDEST_PIXEL:
        aspect = Fraction(1)
    return Form(
        width=round(frame.width * max(aspect, Fraction(1))),
        height=round(frame.height / min(aspect, Fraction(1))),
        turn=_turn_of(frame),
    )


def _turn_of(frame: AvFrame) -> Turn:
    """From the display matrix: x' = ax + cy, y' = bx + dy, x right, y down (ISO/IEC 14496-12)."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return Turn()
    a, b, _, c, d, *_ = struct.unpack("9i", memoryview(data)[:36])  # type: ignore[arg-type]
    if abs(a) >= abs(b):
        return Turn(left_right=a < 0, up_down=d < 0)
    return Turn(swapped=True, left_right=c < 0, up_down=b < 0)
