"""One way through a video: its container, its decoder and its clock, until the end or damage."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from openmer.errors import DataError
from openmer.video.faces._detections import DecodedPicture, Form, form_of
from openmer.video.io._container import (
    check_size,
    readable_errors,
    reason_of,
    stated_duration_s,
    video_stream,
)
from openmer.video.io._frame import VideoFrame
from openmer.video.io._timestamps import Clock, KeyFrames

if TYPE_CHECKING:
    from av import Packet, VideoStream
    from av import VideoFrame as AvFrame
    from av.container import InputContainer

OnDamage = Literal["error", "stop", "skip"]

_USUAL_FPS = 25  # where a file states none
_FPS_RANGE = (Fraction(1, 100), Fraction(10_000))  # beyond it a header is broken
_SHORTER_S = Fraction(1, 2)  # frames that end this much before the stated end are missing ones
# Containers that state a length of their own; in others FFmpeg guesses it from the bit rate.
_STATES_LENGTH = ("mov,", "matroska,")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a video is read; the arguments of `open_video`."""

    threads: int
    on_damage: OnDamage
    fps: Fraction | None


class Damage:
    """What was found broken on the way, the first place and how many there are.

    Attributes:
        largest_px: Pixels of the largest frame so far, as it is stored; a file may change its size.
    """

    def __init__(self) -> None:
        self.largest_px = 0
        self._first = ""
        self._places = 0
        self._last_number = -1

    @property
    def text(self) -> str | None:
        """In words; None where nothing was found."""
        more = f" There are {self._places - 1} more such places." if self._places > 1 else ""
        return f"{self._first}{more}" if self._first else None

    def add(self, text: str, number: int) -> None:
        """Note damage before the frame of a number; a place that was passed before counts once."""
        if number > self._last_number:
            self._first = self._first or text
            self._places += 1
            self._last_number = number


class Reading:
    """One way through a video, from its first frame or from a key frame.

    Args:
        container: Opened; `close` closes it.
        name: Of the video, for messages.
        settings: How to read.
        keys: Key frames that are passed are added to it.
        damage: What is found broken is added to it.

    Raises:
        DataError: No frame can be decoded, or frames are too large.
    """

    def __init__(
        self,
        container: InputContainer,
        *,
        name: str,
        settings: Settings,
        keys: KeyFrames,
        damage: Damage,
    ) -> None:
        self.container = container
        self.stream = video_stream(container, name, settings.threads)
        self.is_closed = False
        self._name = name
        self._settings = settings
        self._keys = keys
        self._damage = damage
        self._number = 0
        self._trouble = ""
        self._unit_s = self.stream.time_base or Fraction(1, _USUAL_FPS)
        self._clock = self._clock_from(None)
        self._time_s = Fraction(0)  # of the last frame
        self._end_s = Fraction(0)  # of it, as the file counts
        self._is_exact = True  # so far, a frame is known by its stamp
        self._sound = self._sound_frames()
        self.first = self._first_frame()
        self._held: AvFrame | None = self.first
        self.form = form_of(self.first, self.stream.sample_aspect_ratio)
        check_size(*self.form.upright_size, name)

    @property
    def stated_fps(self) -> Fraction | None:
        """The average rate that the container states; without stamps, that of the pictures."""
        if self.first.pts is None:
            return _sane(self.stream.guessed_rate)
        return _sane(self.stream.average_rate)

    def close(self) -> None:
        """Close the container; frames that were given out stay valid."""
        self.is_closed = True
        self._sound.close()
        self.container.close()

    def frames(self, form: Form) -> Iterator[VideoFrame]:
        """Yield the frames from here on.

        Args:
            form: What pictures are brought to.

        Raises:
            DataError: The video is damaged and `on_damage` is "error", or it was closed.
        """
        while True:
            if self.is_closed:
                raise DataError(f"{self._name} was closed. Read its frames before that.")
            frame = self._held or next(self._sound, None)
            self._held = None
            if frame is None:
                return
            yield self._timed(frame, form)

    def go_to(self, number: int) -> bool:
        """Go to a known key frame before a frame, so that it is numbered and timed alike.

        Args:
            number: Of the frame that is wanted.

        Returns:
            Whether a known key frame was found; if not, this reading is of no more use.
        """
        origin = self.first.pts
        if origin is None:
            return False
        clock = self._clock_from(origin)
        for stamp in self._keys.before(number):
            frame = self._key_frame_at(stamp)
            found = None if frame is None else self._keys.number_of(frame.pts)
            if found is not None and found <= number:
                self._held, self._number, self._clock = frame, found, clock
                return True
        return False

    def _key_frame_at(self, stamp: int) -> AvFrame | None:
        """Find the first frame known to be a key frame, from a seek to `stamp` on, up to it."""
        self._sound.close()
        self._held = None
        try:
            self.container.seek(stamp, stream=self.stream)
        except readable_errors():
            return None
        self._sound = self._sound_frames()
        for frame in self._sound:
            if frame.key_frame and self._keys.number_of(frame.pts) is not None:
                return frame
            if frame.pts is None or frame.pts > stamp:
                break
        return None

    def _clock_from(self, origin: int | None) -> Clock:
        rate = self._settings.fps or _sane(self.stream.guessed_rate)
        return Clock(unit_s=self._unit_s, step_s=1 / (rate or Fraction(_USUAL_FPS)), origin=origin)

    def _first_frame(self) -> AvFrame:
        frame = next(self._sound, None)
        if frame is None:
            why = f": {self._trouble}" if self._trouble else ""
            raise DataError(
                f"{self._name} has no frame that can be decoded{why}. Copy it again from its "
                "source, or convert it to H.264 in MP4."
            )
        return frame

    def _timed(self, frame: AvFrame, form: Form) -> VideoFrame:
        number, self._number = self._number, self._number + 1
        stamp = self._stamp_of(frame)
        fps = self._settings.fps
        clock_s = self._clock.tell(stamp)
        self._time_s = clock_s if fps is None else number / fps
        self._end_s = self._clock.stamped_s + self._unit_s * (frame.duration or 0)
        self._is_exact &= stamp == frame.pts and self._clock.is_clean
        if frame.key_frame and stamp is not None and self._is_exact:
            self._keys.add(number, stamp)
        picture = DecodedPicture(frame=frame, form=form)
        return VideoFrame(number=number, time_s=self._time_s, picture=picture)

    def _stamp_of(self, frame: AvFrame) -> int | None:
        """In AVI, which only counts, the order of decoding is all that is known."""
        return frame.dts if self.container.format.name == "avi" else frame.pts

    def _sound_frames(self) -> Generator[AvFrame]:
        """Frames without damage; what is broken before the first of them is passed over.

        A recording that begins between two key frames is no damage.
        """
        is_waiting = False  # for a key frame: until then, pictures build on the broken one
        for found in _outcomes(self.container, self.stream):
            trouble = found if isinstance(found, str) else self._trouble_of(found)
            if trouble:
                self._trouble = trouble
                is_waiting = self._is_passed_over(trouble)
                if not is_waiting:
                    return
            elif not isinstance(found, str) and (found.key_frame or not is_waiting):
                is_waiting = False
                yield found
        self._check_end()

    def _trouble_of(self, frame: AvFrame) -> str:
        """Describe what is wrong with a frame; the empty text where nothing is."""
        check_size(frame.width, frame.height, self._name)
        pixels = frame.width * frame.height
        self._damage.largest_px = max(self._damage.largest_px, pixels)
        return "a frame is broken" if frame.is_corrupt else ""

    def _is_passed_over(self, trouble: str) -> bool:
        """Note damage; whether to go on behind it."""
        if not self._number:
            return True
        where = f"after frame {self._number - 1} ({float(self._time_s):.3f} s)"
        policy = self._settings.on_damage
        rest = "only what comes before can be used"
        if policy == "skip":
            rest = "frames up to the next key frame are left out"
        text = f"{self._name} is damaged {where}: {trouble}. Copy it again from its source; {rest}."
        self._damage.add(text, self._number)
        if policy == "error":
            raise DataError(text)
        return policy == "skip"

    def _check_end(self) -> None:
        """Whether frames end long before the end that the file states."""
        stated = stated_duration_s(self.stream)
        if stated is None or not self.container.format.name.startswith(_STATES_LENGTH):
            return
        if self._number > 1 and self._end_s + _SHORTER_S < stated:
            self._is_passed_over(f"its header states {float(stated):.3f} s, but no more follows")


def _sane(rate: Fraction | None) -> Fraction | None:
    lowest, highest = _FPS_RANGE
    return rate if rate is not None and lowest <= rate <= highest else None


def _outcomes(container: InputContainer, stream: VideoStream) -> Iterator[AvFrame | str]:
    """Frames in the order they are shown, and what went wrong, in words, where it did."""
    try:
        for packet in container.demux(stream):
            yield from _decoded(packet, stream)
    except readable_errors() as error:
        yield from _drained(stream)
        yield reason_of(error)


def _decoded(packet: Packet[VideoStream], stream: VideoStream) -> Iterator[AvFrame | str]:
    try:
        frames = packet.decode()
    except readable_errors() as error:
        yield from _drained(stream)  # complete ones, which waited for their turn
        stream.codec_context.flush_buffers()
        yield reason_of(error)
        return
    yield from frames


def _drained(stream: VideoStream) -> list[AvFrame]:
    """Read what the decoder still holds."""
    try:
        return stream.decode(None)
    except readable_errors():
        return []
