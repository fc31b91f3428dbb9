"""Speed of `openmer analyze` and `openmer watch` on a synthetic video at 720p, with the face mesh.

    python benchmarks/analyze_video.py [--video FILE] [--seconds 20] [--rounds 2]

Makes the video once (`openmer.datasets.synthetic`), analyses it with the model that comes with the
package, one part of the work after the other and with all that overlap, in turns, and writes
benchmarks/results/analyze_video.md: frames per second, where the time goes, the memory. Then feeds
the same frames to the live pipeline on one core, as fast as it takes them: frames per second, how
long one frame takes, and how long an event's recognition does. Under five minutes.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
from machine import processor

from openmer.datasets import write_long
from openmer.datasets.synthetic._long_videos import LONG_SIZES
from openmer.deployment import default_model
from openmer.video import (
    Analysis,
    AnalyzeSettings,
    Event,
    Interval,
    LiveAnalyzer,
    analyze_video,
    open_video,
)
from openmer.video.spotting._curves import FaceCurves

HERE = Path(__file__).parent
ALONE, TOGETHER = 1, 2  # `threads`


@dataclass(frozen=True, kw_only=True)
class Round:
    """One analysis: what it found, how long it took, and what that took of the processor."""

    analysis: Analysis
    wall_s: float
    cpu_s: float


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--video", type=Path)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    video = arguments.video or _made(arguments.seconds)
    analyze_video(video, model=default_model())  # loads what is loaded once
    rounds = {ALONE: [], TOGETHER: []}
    for _ in range(arguments.rounds):
        for threads, measured in rounds.items():
            measured.append(_round(video, threads))
    best = {threads: min(all_, key=lambda one: one.wall_s) for threads, all_ in rounds.items()}
    if best[ALONE].analysis.events != best[TOGETHER].analysis.events:
        raise SystemExit("Both ways must find the same.")
    asked = "" if arguments.video else f" --seconds {arguments.seconds:g}"
    asked += f" --rounds {arguments.rounds}"
    lines = _analysis_lines(best[ALONE], best[TOGETHER], asked) + _live_lines(video)
    text = "\n".join(lines) + "\n"
    print(text)
    (HERE / "results" / "analyze_video.md").write_text(text, encoding="utf-8")


def _made(seconds: float) -> Path:
    folder = Path("runs") / f"speed-{seconds:g}"
    speed = LONG_SIZES["speed"]
    write_long(folder, replace(speed, takes=(replace(speed.takes[0], seconds=seconds),)), 100)
    return folder / "video01.mp4"


def _round(video: Path, threads: int) -> Round:
    wall, cpu = time.perf_counter(), time.process_time()
    analysis = analyze_video(
        video, model=default_model(), settings=AnalyzeSettings(threads=threads)
    )
    return Round(
        analysis=analysis,
        wall_s=time.perf_counter() - wall,
        cpu_s=time.process_time() - cpu,
    )


def _analysis_lines(alone: Round, together: Round, asked: str) -> list[str]:
    analysis = together.analysis
    info, frames = analysis.info, analysis.frames
    lines = [
        "# Speed of video analysis",
        "",
        f"`python benchmarks/analyze_video.py{asked}`, {processor()}, "
        f"load {os.getloadavg()[0]:.1f} (of which this is 1 to 2), "
        f"{info.width}x{info.height} {info.codec}, {frames} frames at "
        f"{float(info.fps):g} per second, {len(analysis.faces)} face, {len(analysis.events)} "
        "events found; the faster of the rounds.",
        "",
        f"**{frames / together.wall_s:.0f} frames per second**, "
        f"{alone.wall_s / together.wall_s:.2f} times as many as one part of the work after the "
        f"other ({frames / alone.wall_s:.0f}). A frame takes {1000 * together.cpu_s / frames:.1f} "
        f"ms of the processor ({1000 * alone.cpu_s / frames:.1f} one after the other).",
        "",
        "| part | ms per frame, one after the other | overlapping: waited for |",
        "| --- | --- | --- |",
    ]
    for part, seconds in alone.analysis.seconds.items():
        waited_s = analysis.seconds[part]
        lines.append(f"| {part} | {1000 * seconds / frames:.2f} | {1000 * waited_s / frames:.2f} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [*lines, "", f"Largest memory of the process: {peak:.2f} GiB.", ""]


class TimedLive(LiveAnalyzer):
    """Notes how long each event takes once its movement is found: quality, pictures, class."""

    def __init__(self, *arguments: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments)
        self.event_s: list[float] = []

    def _event(self, interval: Interval, curves: FaceCurves) -> Event:
        started = time.perf_counter()
        event = super()._event(interval, curves)
        self.event_s.append(time.perf_counter() - started)
        return event


def _live_lines(video: Path) -> list[str]:
    """The live pipeline on the same frames, as fast as it takes them."""
    model = default_model()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    frame_s: list[float] = []
    with open_video(video) as frames:
        analyzer = TimedLive(frames.info, model)
        start, cpu = time.perf_counter(), time.process_time()
        for frame in frames:
            before = time.perf_counter()
            analyzer.push(frame)
            frame_s.append(time.perf_counter() - before)
        analyzer.finish()
        spent, cpu = time.perf_counter() - start, time.process_time() - cpu
    slow = sorted(frame_s)[int(0.99 * len(frame_s))]
    event_ms = ", ".join(f"{1000 * seconds:.0f}" for seconds in analyzer.event_s)
    return [
        "## Live",
        "",
        f"On one core, load {os.getloadavg()[0]:.1f}: **{len(frame_s) / spent:.0f} frames per "
        f"second** sustained, decoding included, {1000 * cpu / len(frame_s):.1f} ms of the "
        "processor a frame.",
        "",
        f"One frame takes {1000 * statistics.median(frame_s):.1f} ms (median), {1000 * slow:.1f} "
        "ms (99th percentile; twice a second it looks for events). Each event, once its movement "
        f"is found (quality, pictures, class), takes in their order: {event_ms} ms.",
    ]


if __name__ == "__main__":
    main()
