"""An event once more: slowed down, beside a copy in which its movement is magnified."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError
from openmer.preprocessing import MagnifySettings, magnify
from openmer.video._event import Event, Interval
from openmer.video.faces._patch import EYE_DISTANCE_PX, FACE_WIDTH_PX
from openmer.video.io._reader import Video
from openmer.video.io._writer import write_video
from openmer.video.output._draw import INK, KIND_COLOURS, PAPER, SOFT, put_words
from openmer.video.output._evidence import LOOK, EventFrames, event_frames
from openmer.video.spotting._curves import FaceCurves

Image = NDArray[np.uint8]

_FPS = Fraction(25)  # of the replay
_EVENT_LASTS_S = 2.5  # in the replay
_SLOWEST = 25
_MOST = 10  # times the movement
_SEEN_PX = 12.0  # that a magnified movement shall have
_FEWEST = 8  # frames that the filter of a replay needs
_ENOUGH = 160  # frames; of more, every second, third ... is taken
_EDGE_PX, _HEAD_PX, _BAR_PX, _LETTERS_PX = 12, 34, 44, 14
_TOP_PX = _HEAD_PX + _BAR_PX  # of the pictures; the controls of a player cover the lower edge
_CRF = 23


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """How an event is shown once more.

    Attributes:
        times: How many times as large the magnified movement is, 2 to 10.
        band_hz: Frequencies that are magnified.
        slower: How many times as long it takes, 1 to 25.
        from_s: Time of the video at which the replay begins.
        to_s: Time of the video at which it ends.
    """

    times: int
    band_hz: tuple[float, float]
    slower: int
    from_s: float
    to_s: float


def replay_margin_s(event: Interval) -> float:
    """Seconds before and after an event that the filter of a replay needs to settle."""
    return max(0.5, event.duration_s)


def replay_plan(event: Interval, fps: float) -> ReplayPlan:
    """How an event is best seen.

    A movement of this rise is a period of twice the time from onset to apex. The band goes from two
    octaves below its frequency to one above, as far as the frame rate allows; it passes 0.95 of the
    rise. The movement becomes up to ten times as large, less where that would be more
    than 12 pixels of 256, which tears a face apart. The event lasts about 2.5 s, a long one as long
    as it was; half of its length, at most half a second, is shown before and after it.

    Args:
        event: The event.
        fps: Frames per second of the pictures of the event.
    """
    rise_s = max(event.apex_s - event.onset_s, 1 / fps)
    high = min(1 / rise_s, 0.45 * fps)
    low = min(1 / (8 * rise_s), high / 2)
    around_s = float(np.clip(event.duration_s / 2, 0.1, 0.5))
    face_px = LOOK.eye_distance * LOOK.side_px * FACE_WIDTH_PX / EYE_DISTANCE_PX
    wanted = _SEEN_PX / max(event.displacement * face_px, 1e-6)
    return ReplayPlan(
        times=int(np.clip(round(wanted), 2, _MOST)),
        band_hz=(low, high),
        slower=int(np.clip(round(_EVENT_LASTS_S / max(event.duration_s, 1 / fps)), 1, _SLOWEST)),
        from_s=event.onset_s - around_s,
        to_s=event.offset_s + around_s,
    )


def magnified(seen: EventFrames, plan: ReplayPlan) -> Image:
    """Draw the frames of an event with its movement magnified (Euler, Wu et al. 2012).

    The finest details are left as they are, which keeps noise down. The factor holds for movements
    that are small against what moves; on synthetic clips with displacements of 1 to 1.5 pixels,
    optical flow grew by half of it.

    Args:
        seen: The event with a margin of `replay_margin_s`.
        plan: By how much, and which frequencies.

    Returns:
        0..255, shape ``(frames, side, side, 3)``.
    """
    if len(seen.numbers) < _FEWEST:
        raise DataError(
            f"Found {len(seen.numbers)} frames around an event, which are too few to magnify; "
            f"expected {_FEWEST} or more. Leave out the replay of this event."
        )
    frames = magnify(
        seen.crops_rgb.astype(np.float32) / 255,
        fps=seen.fps,
        alpha=plan.times - 1,
        band_hz=plan.band_hz,
        settings=MagnifySettings(finest_level=1, chroma_gain=0.0, clip=True),
    )
    return np.asarray(np.rint(255 * frames), np.uint8)


def write_replay(path: Path | str, seen: EventFrames, plan: ReplayPlan | None = None) -> Path:
    """Write the replay of an event: as recorded on the left, magnified on the right.

    No frame is invented: each is shown as long as it was, times the slowdown. A bar shows
    where between onset, apex and offset the replay is. H.264, 25 frames a second.

    Args:
        path: Ends in .mp4, .mov or .mkv.
        seen: The event with a margin of `replay_margin_s`.
        plan: How it is shown; None takes `replay_plan`.

    Returns:
        The path.
    """
    seen = _thinned(seen)
    chosen = plan or replay_plan(seen.event, seen.fps)
    pair = (seen.crops_rgb, magnified(seen, chosen))
    return write_video(path, _pages(seen, chosen, pair), _FPS, crf=_CRF)


def replay_of(video: Video, curves: FaceCurves, event: Event, path: Path) -> Path | None:
    """Write the replay of an event of a video; None where it has too few frames for one."""
    seen = event_frames(video, curves, event, margin_s=replay_margin_s(event))
    if len(seen.numbers) < _FEWEST:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_replay(path, seen)


def _thinned(seen: EventFrames) -> EventFrames:
    """Every frame, or every second, third ... so that not more are magnified than is needed."""
    step = -(-len(seen.numbers) // _ENOUGH)
    return EventFrames(
        event=seen.event,
        numbers=seen.numbers[::step],
        times_s=seen.times_s[::step],
        crops_rgb=seen.crops_rgb[::step],
    )


def _pages(seen: EventFrames, plan: ReplayPlan, pair: tuple[Image, Image]) -> Iterator[Image]:
    """Yield the frames of the replay."""
    start_s = max(plan.from_s, float(seen.times_s[0]))
    end_s = min(plan.to_s, float(seen.times_s[-1]))
    page = _page(seen, plan, (start_s, end_s))
    side = seen.crops_rgb.shape[1]
    for number in range(int((end_s - start_s) * plan.slower * _FPS) + 1):
        now_s = start_s + number / float(plan.slower * _FPS)
        at = max(int(np.searchsorted(seen.times_s, now_s + 1e-9, side="right")) - 1, 0)
        shown = page.copy()
        for place, pictures in enumerate(pair):
            left = _EDGE_PX + place * (side + _EDGE_PX)
            shown[_TOP_PX : _TOP_PX + side, left : left + side] = pictures[at]
        _mark(shown, (now_s - start_s) / max(end_s - start_s, 1e-9))
        yield shown


def _page(seen: EventFrames, plan: ReplayPlan, span_s: tuple[float, float]) -> Image:
    """Everything that stays the same: labels, and the bar with onset, apex and offset."""
    side = seen.crops_rgb.shape[1]
    page = np.empty((_TOP_PX + side + _EDGE_PX, 2 * side + 3 * _EDGE_PX, 3), np.uint8)
    page[:] = INK
    put_words(page, "original", (_EDGE_PX, 9), size_px=_LETTERS_PX)
    words = f"magnified x{plan.times}"
    put_words(page, words, (2 * _EDGE_PX + side, 9), size_px=_LETTERS_PX)
    words = f"{plan.slower} times slower" if plan.slower > 1 else "true speed"
    right = (page.shape[1] - _EDGE_PX, 9)
    put_words(page, words, right, size_px=_LETTERS_PX, ink=SOFT, anchor=1.0)
    _draw_bar(page, seen.event, span_s)
    return page


def _draw_bar(page: Image, event: Interval, span_s: tuple[float, float]) -> None:
    left, right, y = _bar(page)
    cv2.line(page, (left, y), (right, y), SOFT, 2, cv2.LINE_AA)
    scale = (right - left) / max(span_s[1] - span_s[0], 1e-9)
    marks = ("onset", event.onset_s), ("apex", event.apex_s), ("offset", event.offset_s)
    x = [round(left + (at_s - span_s[0]) * scale) for _, at_s in marks]
    cv2.line(page, (x[0], y), (x[2], y), KIND_COLOURS[event.kind], 4, cv2.LINE_AA)
    for (name, _), at, anchor in zip(marks, x, (1.0, 0.5, 0.0), strict=True):
        cv2.line(page, (at, y - 6), (at, y + 6), KIND_COLOURS[event.kind], 2)
        shift = round(8 * (1 - 2 * anchor)) if anchor != 0.5 else 0
        put_words(page, name, (at + shift, y + 10), size_px=12, ink=SOFT, anchor=anchor)


def _mark(page: Image, share: float) -> None:
    """Draw the dot that shows where the replay is."""
    left, right, y = _bar(page)
    at = (round(left + share * (right - left)), y)
    cv2.circle(page, at, 7, INK, -1, cv2.LINE_AA)
    cv2.circle(page, at, 5, PAPER, -1, cv2.LINE_AA)


def _bar(page: Image) -> tuple[int, int, int]:
    """Left and right end and height of the bar."""
    return _EDGE_PX + 8, page.shape[1] - _EDGE_PX - 8, _HEAD_PX + 12
