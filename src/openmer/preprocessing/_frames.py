"""Image files as arrays: gray or colour, always float32 in 0..255, whatever the file's depth."""

from __future__ import annotations

import io
import warnings
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from openmer.clip import Clip
from openmer.errors import DataError, reading_file
from openmer.preprocessing._failures import StepError

Pixels = NDArray[np.uint8] | NDArray[np.float32]

MOST_PIXELS = 25_000_000
MOST_BYTES = 200_000_000
FORMATS = (
    "AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "MPO", "PCX", "PNG", "PPM", "SGI", "TGA",
    "TIFF", "WEBP",
)  # fmt: skip
"""The formats of images that are read, by their names in Pillow."""
_KEPT_BYTES = 64 * 2**20  # of the decoded frames of one clip

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as OpenCV and MATLAB


def read_gray(path: Path) -> NDArray[np.float32]:
    """Read the brightness of an image file.

    Colour becomes 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601) without rounding. 16-bit gray is
    divided by 257, which keeps its depth. Transparency is dropped, a rotation in the metadata is
    carried out.

    Returns:
        Gray levels in 0..255, float32, shape ``(height, width)``.

    Raises:
        DataError: The file is missing, no image, cut off, or of floating-point pixels.
    """
    return gray_of(read_pixels(path))


def read_rgb(path: Path) -> NDArray[np.float32]:
    """Read the colours of an image file; a gray image has three equal channels.

    16-bit gray is divided by 257; 16-bit colour is read with 8 bits. Transparency is dropped, a
    rotation in the metadata is carried out.

    Returns:
        Red, green and blue in 0..255, float32, shape ``(3, height, width)``.

    Raises:
        DataError: The file is missing, no image, cut off, or of floating-point pixels.
    """
    pixels = read_pixels(path)
    planes = pixels if pixels.ndim == 2 else np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
    values = planes.astype(np.float32)
    return values if values.ndim == 3 else np.stack([values, values, values])


def gray_of(pixels: Pixels) -> NDArray[np.float32]:
    """Return what `read_gray` gives, from pixels that are already read."""
    values = pixels.astype(np.float32)
    luma = np.array(LUMA, np.float32)
    return values if values.ndim == 2 else np.ascontiguousarray(values @ luma)


def colours_of(pixels: Pixels) -> NDArray[np.float32]:
    """Return what `read_rgb` gives, ``(height, width, 3)``, from pixels that are already read."""
    values = pixels.astype(np.float32)
    return values if values.ndim == 3 else np.stack([values, values, values], axis=-1)


def read_pixels(path: Path) -> Pixels:
    """Decode an image file once, for `gray_of` and `colours_of`.

    Returns:
        0..255, shape ``(height, width)`` of a gray file, else ``(height, width, 3)``; float32 of
        16-bit gray, else 8 bits.

    Raises:
        DataError: As `read_gray`.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no file, expected an image. Correct the path.")
    with reading_file(path, "an image", "Copy the file again from its source."):
        image, form = _decoded(path)
    if image.mode == "F" or (image.mode == "I" and form != "PNG"):
        kind = "floating-point" if image.mode == "F" else "32-bit"
        raise DataError(
            f"{path} has {kind} pixels, whose range is not known. Save it with 8 or 16 bits."
        )
    if image.mode.startswith("I"):  # 16-bit gray
        return np.asarray(image).astype(np.float32) / np.float32(257)
    return np.asarray(image.convert(_plain(image.mode)), np.uint8)


class FrameFiles:
    """The frames of one clip as its files hold them; each file is read and decoded once.

    What is decoded is kept for the steps that ask again, up to 64 MiB (72 colour frames of 640 x
    480); a frame beyond that is read again, so that memory does not grow with the clip.

    Args:
        clip: With frames.
    """

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self._kept: dict[Path, Pixels] = {}
        self._room = _KEPT_BYTES

    def gray(self, number: int) -> NDArray[np.float32]:
        """Return a frame as `read_gray` gives it, ``(height, width)``."""
        return gray_of(self._pixels(number))

    def colours(self, number: int) -> NDArray[np.float32]:
        """Return a frame as `read_rgb` gives it, but ``(height, width, 3)``."""
        return colours_of(self._pixels(number))

    def _pixels(self, number: int) -> Pixels:
        path = self.clip.frame_paths[number]
        if path in self._kept:
            return self._kept[path]
        try:
            pixels = read_pixels(path)
        except DataError as error:
            raise StepError(self.clip.key, "read", str(error)) from error
        if pixels.nbytes <= self._room:
            self._room -= pixels.nbytes
            self._kept[path] = pixels
        return pixels


def _decoded(path: Path) -> tuple[Image.Image, str | None]:
    """Decode an image upright; also return the name of its format."""
    if path.stat().st_size > MOST_BYTES:
        raise DataError(
            f"{path} has more than {MOST_BYTES // 10**6} MB; no image of a face is that large. "
            "Save it as PNG."
        )
    content = io.BytesIO(path.read_bytes())  # a file would be asked for sizes that it only states
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes, which are checked, and of odd metadata
        with Image.open(content, formats=_formats()) as image:
            _require_size(path, image)
            if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
                raise DataError(
                    f"{path} holds several pictures, expected one. Save each as a file of its own."
                )
            form = image.format
            ImageOps.exif_transpose(image, in_place=True)  # decodes it, too
    return image, form


@cache
def _formats() -> tuple[str, ...]:
    """Return those of the formats that this Pillow can read."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _require_size(path: Path, image: Image.Image) -> None:
    """Refuse an image of too many pixels before it is decoded."""
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise DataError(
            f"{path} has {width} x {height} pixels; at most {MOST_PIXELS // 10**6} million are "
            "read. Cut out the face, or save a smaller image."
        )


def _plain(mode: str) -> str:
    """Pillow's mode without transparency, palette, or single bits."""
    return "L" if mode in {"1", "L", "LA", "La"} else "RGB"
