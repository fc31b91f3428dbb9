"""A file, stream or camera that PyAV decodes, as often as it can be opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from openmer.errors import DataError
from openmer.video.io._container import length_s
from openmer.video.io._decoder import Damage, Reading, Settings
from openmer.video.io._frame import VideoFrame, VideoInfo
from openmer.video.io._timestamps import KeyFrames

if TYPE_CHECKING:
    from av.container import InputContainer


class FileSource:
    """A source that PyAV decodes.

    Args:
        opener: Opens it; called again for each further pass.
        name: For messages.
        settings: How to read.
        damage: What is found broken is added to it.
        is_once: It cannot be opened a second time.
    """

    def __init__(
        self,
        opener: Callable[[], InputContainer],
        *,
        name: str,
        settings: Settings,
        damage: Damage,
        is_once: bool,
    ) -> None:
        self._opener = opener
        self._name = name
        self._settings = settings
        self._damage = damage
        self._is_once = is_once
        self._is_closed = False
        self._keys = KeyFrames()
        self._open: set[Reading] = set()
        first = self._opened()
        self._form = first.form
        self._waiting: Reading | None = first
        self.info = _info(first, name, settings.fps)

    def frames(self, first: int) -> Iterator[VideoFrame]:
        """Yield the frames from one on, or from one before it."""
        reading = self._reading_for(first)
        try:
            yield from reading.frames(self._form)
        finally:
            self._close(reading)

    def close(self) -> None:
        """Close every reading that is not finished."""
        self._is_closed = True
        for reading in tuple(self._open):
            self._close(reading)

    def _reading_for(self, first: int) -> Reading:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            return waiting
        if self._keys.are_before(first):
            reading = self._opened()
            if reading.go_to(first):
                return reading
            self._close(reading)
        return self._opened()

    def _opened(self) -> Reading:
        if self._is_closed:
            raise DataError(f"{self._name} was closed. Read its frames before that.")
        if self._is_once and hasattr(self, "info"):
            raise DataError(
                f"{self._name} can be read only once, forwards. Save it as a file to look again."
            )
        container = self._opener()
        try:
            reading = Reading(
                container,
                name=self._name,
                settings=self._settings,
                keys=self._keys,
                damage=self._damage,
            )
        except BaseException:
            container.close()
            raise
        self._open.add(reading)
        return reading

    def _close(self, reading: Reading) -> None:
        self._open.discard(reading)
        reading.close()


def _info(reading: Reading, name: str, fps: Fraction | None) -> VideoInfo:
    stream, pixels = reading.stream, reading.first.format
    width, height = reading.form.upright_size
    frames = stream.frames or None
    length = length_s(reading.container, stream)
    if fps is not None:  # the file's own length is that of slow motion
        length = None if frames is None else frames / fps
    return VideoInfo(
        name=name,
        width=width,
        height=height,
        fps=fps or reading.stated_fps,
        frames=frames,
        duration_s=None if length is None else float(length),
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=pixels.name,
        rotation_degrees=reading.form.turn.degrees,
        bits=max(component.bits for component in pixels.components),
    )
