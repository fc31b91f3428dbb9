"""Any video as a stream of frames with exact times: files, pipes, cameras, folders of images."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol, Self, get_args

from openmer._stand_ins import shown
from openmer.errors import ConfigError, unknown_name
from openmer.video.io._camera import open_camera
from openmer.video.io._container import open_file, open_stream
from openmer.video.io._decoder import Damage, OnDamage, Settings
from openmer.video.io._file_source import FileSource
from openmer.video.io._frame import VideoFrame, VideoInfo
from openmer.video.io._image_source import ImageFolder

__all__ = ["OnDamage", "Video", "VideoFrame", "VideoInfo", "open_video"]


class _Source(Protocol):
    """Where frames come from."""

    info: VideoInfo

    def frames(self, first: int) -> Iterator[VideoFrame]:
        """Yield the frames from one on."""

    def close(self) -> None:
        """Give back what is open."""


class Video:
    """An opened video: iterate it, or look again at a part of it.

    Memory does not grow with the length: a frame is decoded when the loop asks for it. Everything
    is closed at the end of the `with` block, or when the object is forgotten, also when a loop was
    left early or failed. A file can be iterated as often as needed; a stream or camera once.

    Attributes:
        info: What is known before reading.
    """

    def __init__(self, source: _Source, damage: Damage) -> None:
        self.info = source.info
        self._source = source
        self._damage = damage

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # PyAV's objects refer to each other in a circle, so their files would stay open for long.
        self.close()

    def __iter__(self) -> Generator[VideoFrame]:
        yield from self._source.frames(0)

    @property
    def damage(self) -> str | None:
        """What was found broken so far, after which frame; None where nothing was."""
        return self._damage.text

    @property
    def largest_px(self) -> int:
        """Pixels of the largest frame that was decoded so far; 0 before any, and for images."""
        return self._damage.largest_px

    def between(self, first: int, last: int) -> Generator[VideoFrame]:
        """Read the frames with some numbers, the same frames and times as the whole pass gives.

        Reading starts at a key frame that a pass over this video has seen; where there is none
        before `first` that can be found again, at the beginning. Frames after the end are left out.

        Args:
            first: Number of the first frame.
            last: Number of the last one, included.

        Raises:
            ConfigError: No such numbers.
            DataError: The source can be read only once, or as in `open_video`.
        """
        if not 0 <= first <= last:
            raise ConfigError(
                f"Found the frames {first} to {last}; expected 0 <= first <= last. Frames are "
                "counted from 0."
            )
        return self._part(first, last)

    def close(self) -> None:
        """Close what is open; frames that were given out stay valid."""
        self._source.close()

    def _part(self, first: int, last: int) -> Generator[VideoFrame]:
        for frame in self._source.frames(first):
            if frame.number > last:
                return
            if frame.number >= first:
                yield frame
            if frame.number == last:
                return


def open_video(
    source: Path | str | BinaryIO,
    *,
    fps: Fraction | None = None,
    threads: int = 1,
    on_damage: OnDamage = "error",
) -> Video:
    """Open a video; its first frame is decoded at once, so that most errors show here.

    Frames come in the order they are shown, upright, with square pixels, converted to 8 bits and
    all of the size of the first. Time is that of the file's own stamps, counted from the first
    frame: exact in MP4, MOV, AVI and MPEG-TS, rounded to 1/1000 s in MKV and WebM and to 1/100 s
    in GIF. Missing stamps go on at the nominal rate, broken ones are made to rise. Interlaced
    video is not taken apart, HDR is not mapped to standard brightness.

    Args:
        source: A file; a folder of numbered images of one size; "camera:0" for a camera; or a
            binary stream such as ``sys.stdin.buffer``, which is read once, forwards.
        fps: The true frame rate, above 0: frame n is then at ``n / fps`` whatever the file says.
            For folders of images, and for high-speed recordings saved for slow motion.
        threads: Of the decoder. One by default, so that the rest of the computer stays free; with
            two, decoding took 0.55 to 0.7 of the time at 720p and 1080p. 0 lets FFmpeg choose.
        on_damage: At a broken place: "error" gives the frames before it, then raises; "stop" ends
            there; "skip" goes on from the next key frame. `Video.damage` says where it was.

    Returns:
        The video, to be used in a `with` statement.

    Raises:
        ConfigError: An option is not one of those.
        DataError: There is no such source, it cannot be read, is empty, holds no video, is broken
            at the start, or has frames of more than 8192 pixels a side.
    """
    settings = _checked(Settings(threads=threads, on_damage=on_damage, fps=fps))
    damage = Damage()
    return Video(_source_of(source, settings, damage), damage)


def _source_of(source: Path | str | BinaryIO, settings: Settings, damage: Damage) -> _Source:
    if not isinstance(source, Path | str):
        name = _stream_name(source)
        opener = partial(open_stream, source, name)
        return FileSource(opener, name=name, settings=settings, damage=damage, is_once=True)
    camera = re.fullmatch(r"camera:(\d+)", str(source))
    if camera:
        opener = partial(open_camera, int(camera.group(1)))
        return FileSource(opener, name=str(source), settings=settings, damage=damage, is_once=True)
    path = Path(source)
    if path.is_dir():
        return ImageFolder(path, settings, damage)
    is_once = path.exists() and not path.is_file()  # a named pipe
    opener = partial(open_file, path)
    return FileSource(
        opener, name=shown(str(path)), settings=settings, damage=damage, is_once=is_once
    )


def _checked(settings: Settings) -> Settings:
    """Build the settings; refuse impossible ones."""
    if settings.on_damage not in get_args(OnDamage):
        raise unknown_name("way to treat damage", str(settings.on_damage), get_args(OnDamage))
    if settings.threads < 0:
        raise ConfigError(f"Found threads={settings.threads}; expected 0 (FFmpeg chooses) or more.")
    if settings.fps is not None and settings.fps <= 0:
        raise ConfigError(f"Found fps={settings.fps}; expected a frame rate above 0.")
    return settings


def _stream_name(stream: BinaryIO) -> str:
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) else "the stream"
