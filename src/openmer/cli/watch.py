"""``openmer watch``: the same pipeline on a camera or a piped stream, events as they come."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from openmer import video
from openmer.cli._console import errors, output, tell
from openmer.cli._option_groups import VideoModel
from openmer.cli._options import AbstainBelow, SpotterName
from openmer.errors import StoppedError

if TYPE_CHECKING:
    from openmer.video import Event

_TOLD_EVERY_S = 5.0


def watch(
    model: VideoModel,
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="camera:0, a file, or - for a stream on stdin."),
    ],
    abstain_below: AbstainBelow = None,
    spotter: SpotterName = "learned",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each event as one JSON object a line.")
    ] = False,
) -> None:
    """Print events 1 to 1.5 seconds after they ended; Ctrl-C ends it.

    Every few seconds standard error tells how many frames a second are done.
    """
    loaded = model.load()
    settings = video.AnalyzeSettings(spotter=spotter, abstain_below=abstain_below)
    given: str | BinaryIO = sys.stdin.buffer if source == "-" else source
    count = 0
    try:
        with video.open_video(given) as stream:
            analyzer = video.LiveAnalyzer(stream.info, loaded, settings)
            pace = _Pace()
            for frame in stream:
                seen, events = analyzer.push(frame)
                count += _print(events, as_json)
                pace.count(float(frame.time_s), len(seen))
            count += _print(analyzer.finish(), as_json)
    except KeyboardInterrupt as stop:
        raise StoppedError(f"Stopped. Events: {count}.") from stop
    tell("Nothing found." if not count else f"Events: {count}.")


class _Pace:
    """Tells how fast frames are done."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._frames = 0

    def count(self, at_s: float, faces: int) -> None:
        """One more frame."""
        self._frames += 1
        passed = time.monotonic() - self._start
        if passed < _TOLD_EVERY_S:
            return
        rate = self._frames / passed
        errors.print(f"{at_s:.1f} s: {rate:.0f} frames a second, faces in view: {faces}")
        self._start, self._frames = time.monotonic(), 0


def _print(events: tuple[Event, ...], as_json: bool) -> int:
    for event in events:
        if as_json:
            typer.echo(json.dumps(asdict(event)))
        else:
            output.print(
                f"{event.onset_s:.2f}-{event.offset_s:.2f} s, {event.subject_id}, {event.kind}: "
                f"{event.reason}",
                highlight=False,
                soft_wrap=True,
            )
    sys.stdout.flush()
    return len(events)
