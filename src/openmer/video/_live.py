"""The same pipeline on frames as they come: events one to one and a half seconds after them."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from openmer.video._analyze import AnalyzeSettings, stride_of
from openmer.video._event import Event, Interval
from openmer.video._quality import quality_of
from openmer.video._recognize import at_threshold, no_class_because, recognized, spotted
from openmer.video.faces._choice import tracker_for
from openmer.video.faces._seen import Seen
from openmer.video.io._frame import VideoFrame, VideoInfo
from openmer.video.io._reader import open_video
from openmer.video.spotting._curves import CurveBook, FaceCurves
from openmer.video.spotting._registry import Spotter
from openmer.video.spotting._registry import spotter as spotter_named

if TYPE_CHECKING:
    from openmer.deployment import FittedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """How far a live analysis looks back, and how long it waits.

    Attributes:
        remember_s: Seconds of motion that thresholds are made of.
        frames_s: Seconds of frames that are kept for recognition: as long as the longest movement
            and `settle_s` together.
        spot_every_s: Seconds between two looks at the motion.
        settle_s: Seconds after a movement until it is reported: what follows it helps to evaluate
            it.
    """

    remember_s: float = 25.0
    frames_s: float = 5.6
    spot_every_s: float = 0.5
    settle_s: float = 1.0


class LiveAnalyzer:
    """Takes frames one after the other and gives events as soon as they are sure.

    Memory is bounded by the settings. What an event is, is as in `analyze_video`; thresholds know
    only what came before and `settle_s` after a movement, so the two need not agree in every event.

    Args:
        info: Of the video; only its rate is read.
        model: A trained method; None gives events without classes.
        settings: As in `analyze`.
        live: How far it looks back.
    """

    def __init__(
        self,
        info: VideoInfo,
        model: FittedModel | None = None,
        settings: AnalyzeSettings | None = None,
        live: LiveSettings = LiveSettings(),
    ) -> None:
        self._settings = settings or AnalyzeSettings()
        threshold = self._settings.abstain_below
        if model is not None and threshold is not None:
            model = at_threshold(model, threshold)
        self._model, self._live = model, live
        self._settled = Settled(
            spotter_named(self._settings.spotter), include_gated=self._settings.include_gated
        )
        self._tracker, self.without_mesh = tracker_for(self._settings.track)
        self._book = CurveBook()
        self._stride = stride_of(info)
        self._frames: deque[VideoFrame] = deque()
        self._next_spot_s = live.settle_s
        self._now_s = 0.0

    def push(self, frame: VideoFrame) -> tuple[tuple[Seen, ...], tuple[Event, ...]]:
        """Look at the next frame.

        Returns:
            The faces in it (none where it is one of those that are skipped at a high rate), and
            the events that have become sure.
        """
        self._now_s = float(frame.time_s)
        if frame.number % self._stride:
            return (), ()
        seen = self._tracker.see(frame.number, self._now_s, frame.gray)
        self._book.add(seen)
        self._keep(frame)
        if self._now_s < self._next_spot_s:
            return seen, ()
        self._next_spot_s = self._now_s + self._live.spot_every_s
        return seen, self._events(self._now_s - self._live.settle_s)

    def finish(self) -> tuple[Event, ...]:
        """Return the events that were still waiting, when no frame follows."""
        return self._events(self._now_s)

    def _keep(self, frame: VideoFrame) -> None:
        self._frames.append(frame)
        while self._frames[0].time_s < self._now_s - self._live.frames_s:
            self._frames.popleft()
        if frame.number % 64 == 0:
            self._book.forget(self._now_s - self._live.remember_s)

    def _events(self, until_s: float) -> tuple[Event, ...]:
        """Return what ended before a time and was not reported yet."""
        found = self._settled.told(self._book.curves(), until_s)
        return tuple(self._event(interval, curves) for curves, interval in found)

    def _event(self, interval: Interval, curves: FaceCurves) -> Event:
        if self._model is None:
            return spotted(interval, curves, "No model was given.")
        withheld = no_class_because(interval, curves, quality_of(curves))
        if withheld:
            return spotted(interval, curves, withheld)
        return recognized(interval, curves, self._frames, self._model)


class Settled:
    """Tells each movement once, as soon as what follows it can no longer change much.

    Args:
        spot: Finds movements in the curves of a face.
        include_gated: Whether movements under a gate are told.
    """

    def __init__(self, spot: Spotter, *, include_gated: bool = False) -> None:
        self._spot, self._include_gated = spot, include_gated
        self._told_s: dict[tuple[int, str], float] = {}

    def told(
        self, faces: Iterable[FaceCurves], until_s: float
    ) -> list[tuple[FaceCurves, Interval]]:
        """Return the movements that ended before a time and were not told yet, by onset.

        Args:
            faces: What is known of every face so far.
            until_s: Now, less the seconds that a movement has to settle.
        """
        found = []
        for curves in faces:
            for interval in self._spot(curves):
                if interval.gates and not self._include_gated:
                    continue
                place = (curves.subject_id, interval.kind)
                after_s = self._told_s.get(place, -1.0)
                if interval.offset_s <= until_s and interval.apex_s > after_s:
                    self._told_s[place] = interval.offset_s
                    found.append((curves, interval))
        return sorted(found, key=lambda pair: pair[1].onset_frame)


def watch(
    source: Path | str | BinaryIO,
    *,
    model: FittedModel | None = None,
    settings: AnalyzeSettings | None = None,
    live: LiveSettings = LiveSettings(),
) -> Generator[Event]:
    """Events of a camera, a pipe or a file while it is read; closing the iterator closes it.

    Args:
        source: "camera:0", a binary stream such as ``sys.stdin.buffer``, or a path.
        model: A trained method; None gives events without classes.
        settings: As in `analyze`.
        live: How far it looks back.

    Raises:
        DataError: The source cannot be opened or holds no video.
    """
    chosen = settings or AnalyzeSettings()
    with open_video(source, fps=chosen.fps) as video:
        analyzer = LiveAnalyzer(video.info, model, chosen, live)
        for frame in video:
            yield from analyzer.push(frame)[1]
        yield from analyzer.finish()
