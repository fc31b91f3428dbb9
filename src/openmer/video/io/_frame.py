"""One frame of a video, and what is known of the video as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from openmer.video.faces._detections import ArrayPicture, Image, Picture


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VideoFrame:
    """One frame; its arrays are made when they are asked for, again each time.

    It stays valid when reading goes on, and holds its memory until it is forgotten.

    Attributes:
        number: Counted from 0.
        time_s: Exact seconds since the first frame.
        picture: What it shows.
    """

    number: int
    time_s: Fraction
    picture: Picture

    @classmethod
    def of(cls, *, number: int, time_s: Fraction, image_rgb: Image) -> VideoFrame:
        """Build a frame from an array, 0..255, shape ``(height, width, 3)``."""
        return cls(number=number, time_s=time_s, picture=ArrayPicture(image_rgb=image_rgb))

    @property
    def image_rgb(self) -> Image:
        """Red, green and blue, 0..255, shape ``(height, width, 3)``, upright.

        Raises:
            DataError: The kind of pixels cannot be converted.
        """
        return self.picture.rgb()

    @property
    def gray(self) -> Image:
        """Brightness, 0..255, shape ``(height, width)``, upright.

        Of a video its own luma, limited range (16..235) stretched; of images 0.299 R + 0.587 G +
        0.114 B. A pass that looks at nothing else never makes the colours.

        Raises:
            DataError: As `image_rgb`.
        """
        return self.picture.gray()


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What a source says of itself before it is read.

    Attributes:
        name: Of the file or folder, or what stands for it.
        width: Pixels of the arrays: upright, square pixels.
        height: Likewise.
        fps: Frames per second: the rate given to `open_video`, else the stated average one; None
            where none is stated.
        frames: How many; only where the container says it, which can be wrong.
        duration_s: Seconds; only where it is stated.
        codec: Such as "h264"; of images the ending of the files.
        pixel_format: Of the stored frames, in FFmpeg's words: "yuv420p".
        rotation_degrees: Clockwise turn that was carried out, 0, 90, 180 or 270.
        bits: Of each stored value, 8 for most; the arrays always have 8.
    """

    name: str
    width: int
    height: int
    fps: Fraction | None
    frames: int | None
    duration_s: float | None
    codec: str
    pixel_format: str
    rotation_degrees: int
    bits: int
