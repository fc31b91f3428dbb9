"""Video in, events out: follow every face, spot movements, say what a model sees in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openmer import deployment
from openmer.errors import DataError
from openmer.preprocessing import opencv_on_one_thread
from openmer.video._ahead import ahead
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
from openmer.video.io._frame import VideoInfo
from openmer.video.io._reader import Video, open_video
from openmer.video.spotting._curves import CurveBook, FaceCurves
from openmer.video.spotting._registry import spotter as spotter_named

if TYPE_CHECKING:
    from openmer.deployment import FittedModel

Progress = Callable[[str, int, int], None]

_ENOUGH_FPS = 60  # of a faster video every second, third ... frame is measured
_AHEAD = 4  # frames that are decoded before their turn
_HELPERS = 2  # threads beside the one that decodes and the one that measures


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeSettings:
    """How a video is analysed.

    Attributes:
        track: When a face is looked for, believed and given up.
        spotter: Name of the spotter (`openmer.video.list_spotters`).
        abstain_below: Confidence under which an event gets no class; None is the model's own.
        include_gated: Whether movements under a gate are events, too.
        fps: Frames per second of a folder of images.
        threads: Of the decoder; more than two do not pay beside the rest of the work. 1 also does
            one part of the work after the other, to the same bytes; else decoding, the search for
            the mesh and the motion overlap.
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
        opened.enter_context(opencv_on_one_thread())
        book, last, lost = _followed(video, settings, clock, on_progress)
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


def _followed(
    video: Video, settings: AnalyzeSettings, clock: _Clock, on_progress: Progress | None
) -> tuple[CurveBook, _Taken, str]:
    """First look, by several threads where the settings allow; also what is lost without a mesh."""
    total = video.info.frames or 0
    with ExitStack() as opened:
        frames, pool = opened.enter_context(closing(_taken(video))), None
        if settings.threads != 1:
            frames = opened.enter_context(closing(ahead(frames, _AHEAD)))
            pool = opened.enter_context(ThreadPoolExecutor(_HELPERS, "openmer-follow"))
        tracker, lost = tracker_for(settings.track, pool)
        book, last = _follow(frames, total, tracker, clock, on_progress)
    if last is None:
        raise DataError(f"{video.info.name} holds no frame. Give another file.")
    return book, last, lost


class _Taken(NamedTuple):
    """A frame of the first look; without a picture where its motion is not measured."""

    number: int
    time_s: Fraction
    gray: NDArray[np.uint8] | None


def _follow(
    frames: Iterator[_Taken],
    total: int,
    tracker: FaceTracker,
    clock: _Clock,
    on_progress: Progress | None,
) -> tuple[CurveBook, _Taken | None]:
    """First look at all frames: how every face moves; and the last frame."""
    book = CurveBook()
    last: _Taken | None = None
    paired = _with_following(frames)
    while True:
        with clock.of("decode"):
            frame, following = next(paired, (None, None))
        if frame is None:
            break
        last = frame
        if frame.gray is not None:
            with clock.of("follow"):
                seen = tracker.see(frame.number, float(frame.time_s), frame.gray, following)
                book.add(seen)
        if on_progress is not None and frame.number % 10 == 0:
            on_progress("follow", frame.number + 1, max(total, frame.number + 1))
    if on_progress is not None and last is not None:
        on_progress("follow", last.number + 1, last.number + 1)
    return book, last


def _taken(video: Video) -> Generator[_Taken]:
    """Decode the frames, those in gray whose motion is measured."""
    stride = stride_of(video.info)
    for frame in video:
        gray = None if frame.number % stride else frame.gray
        yield _Taken(frame.number, frame.time_s, gray)


def _with_following(
    frames: Iterable[_Taken],
) -> Iterator[tuple[_Taken, NDArray[np.uint8] | None]]:
    """Yield each frame with the next picture that is measured; None after the last."""
    waiting: list[_Taken] = []
    for frame in frames:
        if frame.gray is not None:
            yield from ((before, frame.gray) for before in waiting)
            waiting.clear()
        waiting.append(frame)
    yield from ((before, None) for before in waiting)


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
