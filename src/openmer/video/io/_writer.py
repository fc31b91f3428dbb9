"""Writing videos frame by frame; a file appears under its name only when it is complete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray

from openmer.errors import ConfigError, DataError, StoppedError, unknown_name
from openmer.files import writing_file
from openmer.video.io._container import readable_errors, reason_of

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import OutputContainer

VideoCodec = Literal["h264", "ffv1"]
Image = NDArray[np.uint8]

_ENCODERS = MappingProxyType({"h264": "libx264", "ffv1": "ffv1"})
_PIXELS = MappingProxyType({"h264": "yuv420p", "ffv1": "bgr0"})
_ENDINGS = MappingProxyType(
    {
        "h264": MappingProxyType({".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}),
        "ffv1": MappingProxyType({".mkv": "matroska"}),
    }
)
_LOWEST_CRF, _HIGHEST_CRF = 0, 51
_TICKS_PER_S = 90_000  # of given times, as in MPEG
_BT709 = 1  # number of the matrix, primaries and curve in ISO/IEC 23001-8
_LIMITED_RANGE = 1


class VideoWriter:
    """Takes frames one at a time and makes a video of them.

    H.264 is written as ``yuv420p`` (BT.709, limited range) with its header in front, as browsers
    want it. It needs even sides: an odd one gets its last row or column twice. FFV1 keeps every
    value. The file is written under a hidden temporary name beside it and renamed at the end of the
    `with` block; after an error nothing is left, and a file that was there before stays.

    Args:
        path: Ends in .mp4, .mov or .mkv for "h264", in .mkv for "ffv1".
        fps: Frames per second, above 0; where times are given, only the stated rate.
        codec: "h264", or "ffv1" without any loss, large.
        crf: Quality of "h264", 0 (best) to 51; 18 looks like the original.

    Raises:
        ConfigError: An option is not one of those.
    """

    def __init__(
        self, path: Path | str, *, fps: Fraction, codec: VideoCodec = "h264", crf: int = 18
    ) -> None:
        self._path = Path(path)
        self._fps = Fraction(fps)
        self._codec = codec
        self._crf = crf
        self._format = _checked_format(self._path, self._fps, codec, crf)
        self._file: AbstractContextManager[Path] | None = None
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._shape: tuple[int, ...] = ()
        self._first_s: Fraction | None = None
        self._last_tick = -1
        self._is_timed = False
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._discard()

    def add(self, image: Image, *, time_s: Fraction | float | None = None) -> None:
        """Append a frame.

        Args:
            image: 0..255, shape ``(height, width, 3)``, red, green, blue, or ``(height, width)``;
                each frame like the first.
            time_s: When it is shown, seconds, later than the frame before by at least 1/90000 s
                (1/1000 s in MKV); the first frame counts as 0. For all frames or for none: without
                it, they follow at `fps`.

        Raises:
            DataError: The image or time is not of this kind, or the file cannot be written.
        """
        if self._is_over:
            raise DataError(f"{self._path} is closed. Add frames inside of the `with` block.")
        self._check(image)
        tick = self._tick(time_s)
        try:
            self._encode(image, tick)
        except readable_errors() as error:
            self._discard()
            raise self._cannot_write(error) from error

    def _check(self, image: Image) -> None:
        if image.dtype != np.uint8 or image.ndim not in {2, 3} or image.shape[2:] not in {(), (3,)}:
            raise DataError(
                f"Found a frame of type {image.dtype} and shape {image.shape}; expected uint8 of "
                "shape (height, width, 3) or (height, width)."
            )
        if min(image.shape) < 2 or image.shape != (self._shape or image.shape):
            raise DataError(
                f"{self._path}: found a frame of shape {image.shape}; expected "
                f"{self._shape or 'at least 2 x 2 pixels'}. Give frames of one size."
            )
        self._shape = image.shape

    def _tick(self, time_s: Fraction | float | None) -> int:
        """Return the stamp of the next frame, in units of the stream."""
        is_first = self._last_tick < 0
        if not is_first and self._is_timed == (time_s is None):
            raise DataError(
                f"{self._path}: found frames with and without a time. Give all or none."
            )
        self._is_timed = time_s is not None
        if time_s is None:
            self._last_tick += 1
            return self._last_tick
        now_s = Fraction(time_s)
        first_s = now_s if self._first_s is None else self._first_s
        tick = round((now_s - first_s) * self._ticks_per_s)
        if tick <= self._last_tick:
            raise DataError(
                f"{self._path}: found a frame at {float(now_s):.6f} s that is not later than the "
                f"one before by 1/{self._ticks_per_s} s. Give rising times."
            )
        self._first_s, self._last_tick = first_s, tick
        return tick

    @property
    def _ticks_per_s(self) -> int:
        return 1000 if self._format == "matroska" else _TICKS_PER_S

    def _encode(self, image: Image, tick: int) -> None:
        from av import VideoFrame

        container, stream = self._opened(image)
        frame = VideoFrame.from_ndarray(_padded(image, self._codec), format="rgb24")
        if self._codec == "h264":
            frame = frame.reformat(
                format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED_RANGE, threads=1
            )
        else:
            frame = frame.reformat(format="bgr0", threads=1)
        frame.pts = tick
        frame.time_base = stream.codec_context.time_base
        container.mux(stream.encode(frame))

    def _opened(self, image: Image) -> tuple[OutputContainer, VideoStream]:
        """Open the container and its stream, for the size of the first image."""
        import av

        if self._container is not None and self._stream is not None:
            return self._container, self._stream
        options = {"movflags": "faststart"} if self._format in {"mp4", "mov"} else {}
        self._file = writing_file(self._path)
        path = str(self._file.__enter__())
        self._container = av.open(path, "w", format=self._format, container_options=options)
        self._stream = self._added_stream(self._container, _padded(image, self._codec))
        return self._container, self._stream

    def _added_stream(self, container: OutputContainer, image: Image) -> VideoStream:
        # Without B-frames x264 gives the same bytes for the same frames, whatever its threads do.
        quality = {"crf": str(self._crf), "bf": "0"} if self._codec == "h264" else {}
        added = container.add_stream(_ENCODERS[self._codec], rate=self._fps, options=quality)
        stream = cast("VideoStream", added)
        context = stream.codec_context
        context.height, context.width = image.shape[:2]
        context.pix_fmt = _PIXELS[self._codec]
        context.time_base = Fraction(1, self._ticks_per_s) if self._is_timed else 1 / self._fps
        if self._codec == "h264":
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = _LIMITED_RANGE
        return stream

    def _finish(self) -> None:
        """Complete the file and give it its name."""
        if self._container is None or self._stream is None:
            raise DataError(f"{self._path} was not written: there were no frames.")
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._container = None
            file, self._file = self._file, None
            if file is not None:
                file.__exit__(None, None, None)
        except readable_errors() as error:
            raise self._cannot_write(error) from error

    def _discard(self) -> None:
        """Close what is open and remove the temporary file."""
        self._is_over = True
        container, self._container, self._stream = self._container, None, None
        if container is not None:
            with suppress(*readable_errors()):
                container.close()
        file, self._file = self._file, None
        if file is not None:
            with suppress(StoppedError):
                file.__exit__(StoppedError, StoppedError(), None)

    def _cannot_write(self, error: Exception) -> DataError:
        return DataError(
            f"Cannot write {self._path}: {reason_of(error)}. Create the folder, make room in it or "
            "choose another one."
        )


def write_video(
    path: Path | str,
    frames: Iterable[Image],
    fps: Fraction,
    *,
    times_s: Iterable[Fraction | float] | None = None,
    codec: VideoCodec = "h264",
    crf: int = 18,
) -> Path:
    """Write a video of frames that come one after the other.

    Args:
        path: As in `VideoWriter`.
        frames: As in `VideoWriter.add`.
        fps: As in `VideoWriter`.
        times_s: When each frame is shown, seconds; None: they follow at `fps`.
        codec: As in `VideoWriter`.
        crf: As in `VideoWriter`.

    Returns:
        The path.

    Raises:
        ConfigError: As `VideoWriter`.
        DataError: As `VideoWriter.add`; or there are no frames, or not as many as times.
    """
    with VideoWriter(path, fps=fps, codec=codec, crf=crf) as writer:
        for image, time_s in _timed(frames, times_s):
            writer.add(image, time_s=time_s)
    return Path(path)


def _timed(
    frames: Iterable[Image], times_s: Iterable[Fraction | float] | None
) -> Iterator[tuple[Image, Fraction | float | None]]:
    """Frames with their times, one each; or all of them without."""
    if times_s is None:
        yield from ((image, None) for image in frames)
        return
    for image, time_s in zip_longest(frames, times_s):
        if image is None or time_s is None:
            raise DataError("Found not as many frames as times. Give one time for each frame.")
        yield image, time_s


def _checked_format(path: Path, fps: Fraction, codec: VideoCodec, crf: int) -> str:
    """Return the container that the path asks for; refuse impossible options."""
    if codec not in _ENCODERS:
        raise unknown_name("codec", str(codec), _ENCODERS)
    endings = _ENDINGS[codec]
    if path.suffix.lower() not in endings:
        raise ConfigError(
            f"Found the path {path}; a video with the codec {codec} ends in "
            f"{' or '.join(endings)}. Change the ending."
        )
    if fps <= 0:
        raise ConfigError(f"Found fps={fps}; expected a frame rate above 0.")
    if not _LOWEST_CRF <= crf <= _HIGHEST_CRF:
        raise ConfigError(f"Found crf={crf}; expected {_LOWEST_CRF} (best) to {_HIGHEST_CRF}.")
    return endings[path.suffix.lower()]


def _padded(image: Image, codec: VideoCodec) -> Image:
    """Three channels and, for H.264, even sides: the last row and column are repeated."""
    colours = image if image.ndim == 3 else np.stack([image] * 3, axis=-1)
    if codec == "h264" and any(side % 2 for side in colours.shape[:2]):
        margins = [(0, side % 2) for side in colours.shape[:2]]
        colours = np.pad(colours, [*margins, (0, 0)], mode="edge")
    return np.ascontiguousarray(colours)
