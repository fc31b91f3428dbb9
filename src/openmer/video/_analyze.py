"""Video in, events out: follow every face, spot movements, say what a model sees in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from openmer import deployment
from openmer.errors import DataError
from openmer.video._analysis import Analysis
from openmer.video._event import Event, Interval
from openmer.video._quality import Quality, quality_of
from openmer.video._recognize import (
    at_threshold,
    frames_read,
    no_class_because,
    recognized,
    spotted,
)
from openmer.video.faces._choice import FaceTracker, tracker_for
from openmer.video.faces._seen import TrackSettings
from openmer.video.io._frame import VideoFrame, VideoInfo
from openmer.video.io._reader import Video, open_video
from openmer.video.spotting._curves import CurveBook, FaceCurves
from openmer.video.spotting._registry import spotter as spotter_named

if TYPE_CHECKING:
    from openmer.deployment import FittedModel

Progress = Callable[[str, int, int], None]

_ENOUGH_FPS = 60  # of a faster video every second, third ... frame is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeSettings:
    """How a video is analysed.

    Attributes:
        track: When a face is looked for, believed and given up.
        spotter: Name of the spotter (`openmer.video.list_spotters`).
        abstain_below: Confidence under which an event gets no class; None is the model's own.
        include_gated: Whether movements under a gate are events, too.
        fps: Frames per second of a folder of images.
        threads: Of the decoder; more than two do not pay beside the rest of the work.
    """

    track: TrackSettings = field(default_factory=TrackSettings)
    spotter: str = "learned"
    abstain_below: float | None = None
    include_gated: bool = False
    fps: Fraction | None = None
    threads: int = 2


def analyze(
    path: Path | str,
    *,
    model: FittedModel | None = None,
    settings: AnalyzeSettings = AnalyzeSettings(),
    on_progress: Progress | None = None,
) -> list[Event]:
    """Find the expressions in a video, by their onset; an empty list where there are none.

    Args:
        path: A video file, or a folder of numbered images.
        model: A trained method (`openmer.deployment.read_model`); None takes the model that comes
            with the package.
        settings: How it is analysed.
        on_progress: Called with "follow" or "recognize", how much of it is done, and of how much
            (0 where that is not known).

    Raises:
        DataError: The file is not there, cannot be read, or holds no video. Damage after the first
            frames is no error: `analyze_video` tells.
    """
    chosen = model or deployment.default_model()
    analysis = analyze_video(path, model=chosen, settings=settings, on_progress=on_progress)
    return list(analysis.events)


def analyze_video(
    path: Path | str | Video,
    *,
    model: FittedModel | None = None,
    settings: AnalyzeSettings = AnalyzeSettings(),
    on_progress: Progress | None = None,
) -> Analysis:
    """All that is found in a video: faces and their curves, events, what went wrong, time spent.

    Frames are decoded one at a time and forgotten, then those of each event once more, so that
    memory does not grow with the video but for about 750 bytes a face and frame.

    Args:
        path: As in `analyze`; or an opened video, which stays open.
        model: A trained method; None gives events without classes.
        settings: As in `analyze`.
        on_progress: As in `analyze`.

    Raises:
        DataError: As `analyze`.
    """
    spot = spotter_named(settings.spotter)
    if model is not None and settings.abstain_below is not None:
        model = at_threshold(model, settings.abstain_below)
    clock = _Clock()
    with ExitStack() as opened:
        video = (
            path
            if isinstance(path, Video)
            else opened.enter_context(
                open_video(path, fps=settings.fps, threads=settings.threads, on_damage="skip")
            )
        )
        tracker, lost = tracker_for(settings.track)
        book, last = _follow(video, tracker, clock, on_progress)
        faces = book.curves()
        with clock.of("spot"):
            pairs = [(curves, found) for curves in faces for found in spot(curves)]
        pairs.sort(key=lambda pair: (pair[1].onset_frame, pair[1].subject_id))
        qualities = {curves.subject_id: quality_of(curves) for curves in faces}
        intervals = [pair for pair in pairs if settings.include_gated or not pair[1].gates]
        with clock.of("recognize"):
            events = tuple(_recognized(video, intervals, model, qualities, on_progress))
        info, damage = video.info, video.damage or ""
    return Analysis(
        info=info,
        frames=last.number + 1,
        duration_s=float(last.time_s),
        faces=faces,
        events=events,
        gated=tuple(found for _, found in pairs if found.gates),
        model=None if model is None else model.record,
        spotter=settings.spotter,
        damage=damage,
        without_mesh=lost,
        qualities=tuple(qualities.values()),
        seconds=clock.seconds,
    )


class _Clock:
    """Seconds spent in each part of the work."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Count the time spent inside for a part."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - start


def stride_of(info: VideoInfo) -> int:
    """Every how many frames the motion is measured."""
    return max(1, int((info.fps or 0) / _ENOUGH_FPS))


def _follow(
    video: Video, tracker: FaceTracker, clock: _Clock, on_progress: Progress | None
) -> tuple[CurveBook, VideoFrame]:
    """First look at all frames: how every face moves; and the last frame."""
    book = CurveBook()
    stride, total = stride_of(video.info), video.info.frames or 0
    last: VideoFrame | None = None
    frames = iter(video)
    while True:
        with clock.of("decode"):
            frame = next(frames, None)
            gray = None if frame is None or frame.number % stride else frame.gray
        if frame is None:
            break
        last = frame
        if gray is not None:
            with clock.of("follow"):
                book.add(tracker.see(frame.number, float(frame.time_s), gray))
        if on_progress is not None and frame.number % 10 == 0:
            on_progress("follow", frame.number + 1, max(total, frame.number + 1))
    if last is None:
        raise DataError(f"{video.info.name} holds no frame. Give another file.")
    if on_progress is not None:
        on_progress("follow", last.number + 1, last.number + 1)
    return book, last


def _recognized(
    video: Video,
    intervals: list[tuple[FaceCurves, Interval]],
    model: FittedModel | None,
    qualities: Mapping[int, Quality],
    on_progress: Progress | None,
) -> Iterator[Event]:
    """Second look at the frames of each movement."""
    for done, (curves, interval) in enumerate(intervals):
        if on_progress is not None:
            on_progress("recognize", done, len(intervals))
        if model is None:
            yield spotted(interval, curves, "No model was given.")
            continue
        withheld = no_class_because(interval, curves, qualities[curves.subject_id])
        if withheld:
            yield spotted(interval, curves, withheld)
            continue
        wanted = frames_read(interval, curves, model)
        frames = video.between(min(wanted), max(wanted)) if wanted else ()
        yield recognized(interval, curves, frames, model)
    if on_progress is not None and intervals:
        on_progress("recognize", len(intervals), len(intervals))
