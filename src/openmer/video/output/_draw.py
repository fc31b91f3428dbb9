"""The analysed video with what was found drawn into it, and words on pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import cv2
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from openmer.video._analysis import Analysis
from openmer.video._event import Event
from openmer.video.io._frame import VideoFrame
from openmer.video.io._reader import Video
from openmer.video.io._writer import VideoWriter
from openmer.video.output._timeline import motion_percent
from openmer.video.spotting._curves import FaceCurves

if TYPE_CHECKING:
    from PIL import ImageFont

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

INK: Colour = (20, 23, 26)
PAPER: Colour = (246, 245, 242)
SOFT: Colour = (163, 168, 173)
KIND_COLOURS = MappingProxyType({"micro": (255, 176, 59), "macro": (94, 214, 196)})

_HELD_S = 0.4  # a box stays so long when the face is not seen for a moment
_WORDS_S = 1.2  # words about an event stay at least so long, so that they can be read
_WINDOW_S = 10.0  # of the curve
_LEAST_PERCENT = 1.0  # of the face's width, what the curve shows at least
_SMALLEST_PX = 96  # height of a video that gets a curve


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FaceMotion:
    """A face with its curve and its events."""

    curves: FaceCurves
    percent: NDArray[np.float64]
    events: tuple[Event, ...]

    def row(self, number: int, time_s: float) -> int | None:
        """Return the row that shows the face in a frame; None where it is out of view."""
        row = int(np.searchsorted(self.curves.frames, number, side="right")) - 1
        return row if row >= 0 and time_s - self.curves.times_s[row] <= _HELD_S else None

    def event_at(self, time_s: float) -> Event | None:
        """Return the last event that text is shown for."""
        past = [e for e in self.events if e.onset_s <= time_s]
        last = past[-1] if past else None
        ends_s = max(last.offset_s, last.onset_s + _WORDS_S) if last else -1.0
        return last if time_s <= ends_s else None


def write_annotated(
    path: Path | str,
    video: Video,
    analysis: Analysis,
    *,
    on_frame: Callable[[int], None] | None = None,
) -> Path:
    """Write the video with faces, their numbers, events and the curve of motion drawn into it.

    Frame by frame, with the same times and size (H.264 needs even sides: an odd one grows by 1).
    The frame of a face takes the colour of an event while it lasts; the words stay at least 1.2 s.
    There is no sound.

    Args:
        path: Ends in .mp4, .mov or .mkv.
        video: That was analysed; it is read again from its beginning.
        analysis: What was found.
        on_frame: Called with the number of each frame that is written.

    Returns:
        The path.

    Raises:
        ConfigError: The path has another ending.
        DataError: The video cannot be read again, or the file cannot be written.
    """
    faces = _faces(analysis)
    highest = max([_LEAST_PERCENT, *(float(face.percent.max()) for face in faces)])
    with VideoWriter(path, fps=_rate(analysis)) as writer:
        for frame in video:
            writer.add(_annotated(frame, faces, highest), time_s=frame.time_s)
            if on_frame is not None:
                on_frame(frame.number)
    return Path(path)


def event_words(event: Event) -> str:
    """Kind, class and confidence of an event in a few words: "micro: negative 0.71"."""
    if event.class_name is not None:
        sure = "" if event.confidence is None else f" {event.confidence:.2f}"
        return f"{event.kind}: {event.class_name}{sure}"
    return f"{event.kind}: not sure" if event.scores else event.kind


def put_words(
    image: Image,
    words: str,
    at_xy: tuple[int, int],
    *,
    size_px: int,
    ink: Colour = PAPER,
    paper: Colour | None = None,
    anchor: float = 0.0,
) -> None:
    """Write words into an image, cut off at its edges.

    Args:
        image: Red, green and blue, 0..255, shape ``(height, width, 3)``; changed in place.
        words: One line.
        at_xy: Left, and upper edge, of the words.
        size_px: Height of the letters' line.
        ink: Colour of the letters.
        paper: Colour behind them; None is the image.
        anchor: Share of the words' width that lies left of `at_xy`: 0.5 centres them, 1 ends there.
    """
    cover = _written(words, size_px, 0 if paper is None else max(2, size_px // 4))
    height, width = cover.shape
    left, top = at_xy[0] - round(anchor * width), at_xy[1]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, image.shape[1]), min(top + height, image.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    share = cover[y0 - top : y1 - top, x0 - left : x1 - left, None]
    place = image[y0:y1, x0:x1]
    under = place if paper is None else np.array(paper, np.float32)
    place[:] = np.rint(under * (1 - share) + np.array(ink, np.float32) * share)


@lru_cache(maxsize=256)
def _written(words: str, size_px: int, margin_px: int) -> NDArray[np.float32]:
    """How much of each pixel letters cover, 0..1."""
    font = _font(size_px)
    words = " ".join(words.split()) or " "
    left, _, right, _ = font.getbbox(words)
    size = (int(right - left) + 2 * margin_px + 1, int(size_px * 1.25) + 2 * (margin_px // 2))
    page = Pillow.new("L", size)
    ImageDraw.Draw(page).text((margin_px - left, margin_px // 2), words, fill=255, font=font)
    return np.asarray(page, np.float32) / np.float32(255)


@lru_cache(maxsize=16)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib."""
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(path, size_px)


def _faces(analysis: Analysis) -> tuple[_FaceMotion, ...]:
    return tuple(
        _FaceMotion(
            curves=curves,
            percent=motion_percent(curves),
            events=tuple(e for e in analysis.events if e.subject_id == curves.subject_id),
        )
        for curves in analysis.faces
    )


def _rate(analysis: Analysis) -> Fraction:
    """Return the stated rate of the video, or the mean one of its frames."""
    if analysis.info.fps is not None:
        return analysis.info.fps
    seconds = Fraction(max(analysis.duration_s, 1e-3)).limit_denominator(1000)
    return max(Fraction(analysis.frames - 1), Fraction(1)) / max(seconds, Fraction(1, 1000))


def _annotated(frame: VideoFrame, faces: Sequence[_FaceMotion], highest: float) -> Image:
    """Draw everything into a copy of a frame's picture."""
    image = np.array(frame.image_rgb)
    time_s = float(frame.time_s)
    for face in faces:
        row = face.row(frame.number, time_s)
        if row is not None:
            _draw_face(image, face, row, time_s)
    if faces and image.shape[0] >= _SMALLEST_PX:
        _draw_motion(image, faces, time_s, highest)
    return image


def _draw_face(image: Image, face: _FaceMotion, row: int, time_s: float) -> None:
    event = face.event_at(time_s)
    is_now = event is not None and time_s <= event.offset_s
    colour = KIND_COLOURS[event.kind] if event and is_now else PAPER
    box = [round(edge) for edge in face.curves.box_xyxy(row)]
    size_px = _letters_px(image)
    _draw_corners(image, box, colour, max(1, size_px // 9))
    words = f"subject {face.curves.subject_id}"
    if event is not None:
        words = f"{face.curves.subject_id}  {event_words(event)}"
    ink, paper = (INK, KIND_COLOURS[event.kind]) if event else (PAPER, INK)
    top = max(box[1] - round(1.8 * size_px), 0)
    put_words(image, words, (max(box[0], 0), top), size_px=size_px, ink=ink, paper=paper)


def _draw_corners(image: Image, box: Sequence[int], colour: Colour, thick_px: int) -> None:
    """Draw the four corners of a box, with a dark rim so that they show on anything."""
    x0, y0, x1, y1 = box
    reach = max(4, min(x1 - x0, y1 - y0) // 6)
    corners = [
        np.array([(x + dx * reach, y), (x, y), (x, y + dy * reach)], np.int32)
        for x, dx in ((x0, 1), (x1, -1))
        for y, dy in ((y0, 1), (y1, -1))
    ]
    for ink, width_px in ((INK, thick_px + 2), (colour, thick_px)):
        cv2.polylines(image, corners, isClosed=False, color=ink, thickness=width_px,
                      lineType=cv2.LINE_AA)  # fmt: skip


def _draw_motion(image: Image, faces: Sequence[_FaceMotion], time_s: float, highest: float) -> None:
    """Draw a dark strip along the lower edge: motion in the 10 s around now, events as bands."""
    size_px = _letters_px(image)
    strip_px = max(3 * size_px, image.shape[0] // 9)
    strip = image[-strip_px:]
    strip[:] = np.rint(0.25 * strip + 0.75 * np.array(INK, np.float32))
    start_s = time_s - _WINDOW_S / 2
    scale = image.shape[1] / _WINDOW_S
    for event in (event for face in faces for event in face.events):
        x0, x1 = (int((at_s - start_s) * scale) for at_s in (event.onset_s, event.offset_s))
        if x1 >= 0 and x0 < image.shape[1]:
            band = strip[:, max(x0, 0) : max(x1, x0 + 2, 1)]
            band[:] = np.rint(0.45 * band + 0.55 * np.array(KIND_COLOURS[event.kind], np.float32))
    middle = image.shape[1] // 2
    cv2.line(strip, (middle, 0), (middle, strip_px), SOFT, 1)
    for face in faces:
        for line in _lines(face, start_s, scale, strip_px / highest):
            line[:, 1] = strip_px - 2 - line[:, 1]
            points = [np.rint(16 * line).astype(np.int32)]
            cv2.polylines(strip, points, False, PAPER, 1, cv2.LINE_AA, 4)
    words = f"movement, up to {highest:.1f} % of the face's width"
    put_words(strip, words, (6, 3), size_px=max(9, round(0.75 * size_px)), ink=SOFT)


def _lines(
    face: _FaceMotion, start_s: float, scale: float, per_percent: float
) -> list[NDArray[np.float64]]:
    """Return the curve of each time in view within the window, pixels, y up, ``(points, 2)``."""
    times_s = face.curves.times_s
    first, end = np.searchsorted(times_s, [start_s, start_s + _WINDOW_S])
    x = (times_s[first:end] - start_s) * scale
    y = 0.92 * per_percent * face.percent[first:end]
    breaks = [at - first for at in face.curves.starts if first < at < end]
    return [line for line in np.split(np.stack([x, y], axis=1), breaks) if len(line) > 1]


def _letters_px(image: Image) -> int:
    """Height of a line of letters that suits a video."""
    return int(np.clip(min(image.shape[:2]) / 28, 10, 40))
