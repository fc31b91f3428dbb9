"""Opening a video file or stream with PyAV, and the errors that say why it cannot be."""

from __future__ import annotations

import re
import stat
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from openmer import remote
from openmer.errors import DataError

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import InputContainer

LONGEST_SIDE_PX = 8192

# Containers of one video. Playlists are not among them: they would open other files and addresses.
_FORMATS = (
    "mov,mp4,matroska,webm,avi,mpegts,mpegtsraw,mpeg,mpegvideo,gif,apng,flv,asf,ogg,h264,hevc,m4v,"
    "mjpeg,ivf,obu,av1,nut,mxf,mxf_opatom,gxf,wtv,dv,rm,yuv4mpegpipe,vc1,cine,"
    "wav,mp3,flac,aac"  # sound alone, for an error that says so
)
_BUFFER_BYTES = 1 << 18  # read from a Python stream at a time
_MICROSECOND = Fraction(1, 1_000_000)

_REPAIR = "Copy it again from its source, or convert it to MP4."


def readable_errors() -> tuple[type[Exception], ...]:
    """List the errors that broken data raise while they are opened or decoded."""
    from av import FFmpegError

    return (FFmpegError, OSError, ValueError, RuntimeError, IndexError, OverflowError)


def reason_of(error: Exception) -> str:
    """Write what an error says, without the numbers of FFmpeg."""
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def open_file(path: Path) -> InputContainer:
    """Open a video file, of this computer or elsewhere."""
    if remote.is_streamed(path):
        return _opened(remote.open_remote(path), str(path))
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode):
            path.open("rb").close()
    except FileNotFoundError as error:
        raise DataError(f"There is no video {path}. Correct the path.") from error
    except (OSError, ValueError) as error:
        raise DataError(
            f"The video {path} cannot be read: {reason_of(error)}. Correct the path or the "
            "permissions of the file."
        ) from error
    if stat.S_ISREG(found.st_mode) and not found.st_size:
        raise DataError(f"The video {path} is empty (0 bytes). {_REPAIR}")
    return _opened(str(path.absolute()), str(path))


def open_stream(stream: BinaryIO, name: str) -> InputContainer:
    """Open what a binary stream delivers; the stream stays the caller's."""
    if not hasattr(stream, "read") or hasattr(stream, "encoding"):
        raise DataError(
            f"Found {type(stream).__name__} as a video; expected a path or a binary stream. Open "
            "the file with mode 'rb', or give sys.stdin.buffer."
        )
    return _opened(stream, name)


def _opened(source: str | BinaryIO, name: str) -> InputContainer:
    import av

    # Names in another encoding are no reason to refuse a video. From 19 on PyAV has no choice here.
    older = int(av.__version__.partition(".")[0]) < 19
    choices: dict[str, Any] = {"metadata_errors": "replace"} if older else {}
    try:
        opened: InputContainer = av.open(
            source,
            "r",
            container_options={"format_whitelist": _FORMATS},
            buffer_size=_BUFFER_BYTES,
            **choices,
        )
    except readable_errors() as error:
        raise DataError(
            f"{name} cannot be read as a video: {reason_of(error)}. Expected a video such as MP4, "
            f"MOV, MKV, WebM, AVI, MPEG-TS or GIF, complete with its header. {_REPAIR}"
        ) from error
    return opened


def video_stream(container: InputContainer, name: str, threads: int) -> VideoStream:
    """Find the first stream of pictures that is a video, ready to decode."""
    from av.stream import Disposition

    videos = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not videos:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise DataError(f"{name} has no video; found only: {kinds}. Give a file with pictures.")
    stream = videos[0]
    if stream.codec_context is None:
        raise DataError(
            f"{name} is coded in a way that cannot be decoded here. Convert it to H.264 in MP4."
        )
    context = stream.codec_context
    check_size(context.width, context.height, name)
    context.thread_count = threads
    context.thread_type = "AUTO"
    return stream


def check_size(width: int, height: int, name: str) -> None:
    """Refuse frames that are too large."""
    if max(width, height) > LONGEST_SIDE_PX:
        raise DataError(
            f"{name} has frames of {width} x {height} pixels; at most {LONGEST_SIDE_PX} a side "
            "are read. Make the video smaller."
        )


def stated_duration_s(stream: VideoStream) -> Fraction | None:
    """Seconds that the file states for its pictures alone; None where it does not."""
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    tag = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag is None:
        return None
    hours, minutes, seconds = tag.groups()
    return Fraction(hours) * 3600 + Fraction(minutes) * 60 + Fraction(seconds)


def length_s(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Seconds that the file states for its pictures, or else for everything in it."""
    whole = container.duration
    return stated_duration_s(stream) or (whole * _MICROSECOND if whole and whole > 0 else None)
