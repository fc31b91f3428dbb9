"""A folder of numbered images, read like a video."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from openmer.datasets import list_frames
from openmer.errors import DataError
from openmer.preprocessing import Pixels, colours_of, read_pixels
from openmer.video.faces._detections import ArrayPicture
from openmer.video.io._container import check_size
from openmer.video.io._decoder import Damage, Settings
from openmer.video.io._frame import VideoFrame, VideoInfo


class ImageFolder:
    """The images of a folder in the order of their numbers; each one is the next frame.

    Args:
        folder: With images of one size.
        settings: With a frame rate.
        damage: What is found broken is added to it.

    Raises:
        DataError: There is no image, no order, no frame rate, or the first image is broken.
    """

    def __init__(self, folder: Path, settings: Settings, damage: Damage) -> None:
        self._paths = list_frames(folder)
        self._settings = settings
        self._damage = damage
        if not self._paths:
            raise DataError(f"{folder} has no images. Give a video, or a folder of numbered ones.")
        if settings.fps is None:
            raise DataError(
                f"{folder} is a folder of images, which does not say how fast they follow. Give "
                "the frame rate: --fps 200, or fps=Fraction(200) in Python."
            )
        self._fps = settings.fps
        first = read_pixels(self._paths[0])
        self._shape = first.shape[:2]
        self.info = _info(folder, self._paths, first, self._fps)
        check_size(self.info.width, self.info.height, str(folder))

    def close(self) -> None:
        """Nothing stays open between two images."""

    def frames(self, first: int) -> Iterator[VideoFrame]:
        """Yield the frames from one on.

        Raises:
            DataError: An image is broken or has another size, and `on_damage` is "error".
        """
        for number, path in enumerate(self._paths[first:], first):
            picture = self._picture(path, number)
            if picture is not None:
                yield VideoFrame(number=number, time_s=number / self._fps, picture=picture)
            elif self._settings.on_damage == "stop":
                return

    def _picture(self, path: Path, number: int) -> ArrayPicture | None:
        try:
            pixels = read_pixels(path)
            if pixels.shape[:2] != self._shape:
                raise DataError(
                    f"{path} has {pixels.shape[1]} x {pixels.shape[0]} pixels; the first image has "
                    f"{self._shape[1]} x {self._shape[0]}. Give images of one size."
                )
        except DataError as error:
            self._damage.add(str(error), number)
            if self._settings.on_damage == "error":
                raise
            return None
        return ArrayPicture(image_rgb=np.rint(colours_of(pixels)).astype(np.uint8))


def _info(folder: Path, paths: tuple[Path, ...], first: Pixels, fps: Fraction) -> VideoInfo:
    return VideoInfo(
        name=folder.name,
        width=first.shape[1],
        height=first.shape[0],
        fps=fps,
        frames=len(paths),
        duration_s=float(len(paths) / fps),
        codec=paths[0].suffix.lower().removeprefix("."),
        pixel_format="gray" if first.ndim == 2 else "rgb24",
        rotation_degrees=0,
        bits=8 if first.dtype == np.uint8 else 16,
    )
