"""Speed of `openmer analyze` and `openmer watch` on a two-minute synthetic video at 720p.

    python benchmarks/analyze_video.py [--video FILE] [--rounds 3]

Makes the video once (`openmer.datasets.synthetic`, plan "speed"), analyses it with the model
that comes with the package, and writes benchmarks/results/analyze_video.md: frames per second,
where the time goes, the memory; then feeds the same frames to the live pipeline as fast as it takes
them: frames per second, how long one frame takes, and how long an event's recognition does.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from pathlib import Path

import cv2

from openmer.datasets import write_long
from openmer.deployment import default_model
from openmer.video import Analysis, LiveAnalyzer, analyze_video, open_video

HERE = Path(__file__).parent


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--video", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    video = arguments.video or _made()
    model = default_model()
    rounds = [analyze_video(video, model=model) for _ in range(arguments.rounds)]
    best = min(rounds, key=lambda analysis: sum(analysis.seconds.values()))
    lines = _analysis_lines(best) + _live_lines(video)
    text = "\n".join(lines) + "\n"
    print(text)
    (HERE / "results" / "analyze_video.md").write_text(text, encoding="utf-8")


def _made() -> Path:
    folder = Path("runs") / "speed"
    write_long(folder, "speed", 100)
    return folder / "video01.mp4"


def _analysis_lines(analysis: Analysis) -> list[str]:
    spent = sum(analysis.seconds.values())
    info = analysis.info
    lines = [
        "# Speed of video analysis",
        "",
        f"`python benchmarks/analyze_video.py`, {os.cpu_count()} cores, {info.width}x{info.height} "
        f"{info.codec}, {analysis.frames} frames at {float(info.fps):g} per second, "
        f"{len(analysis.faces)} face, {len(analysis.events)} events found.",
        "",
        f"**{analysis.frames / spent:.0f} frames per second**, "
        f"{analysis.duration_s / spent:.1f} times as fast as the video runs.",
        "",
        "| part | seconds | ms per frame | share |",
        "| --- | --- | --- | --- |",
    ]
    for part, seconds in analysis.seconds.items():
        per_frame = 1000 * seconds / analysis.frames
        lines.append(f"| {part} | {seconds:.1f} | {per_frame:.2f} | {seconds / spent:.0%} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [*lines, "", f"Largest memory of the process: {peak:.2f} GiB.", ""]


def _live_lines(video: Path) -> list[str]:
    """The live pipeline on the same frames, as fast as it takes them."""
    model = default_model()
    per_frame, with_event, events = [], [], 0
    with open_video(video, threads=2) as frames:
        analyzer = LiveAnalyzer(frames.info, model)
        start = time.perf_counter()
        for frame in frames:
            before = time.perf_counter()
            _, found = analyzer.push(frame)
            (with_event if found else per_frame).append(time.perf_counter() - before)
            events += len(found)
        spent = time.perf_counter() - start
        frames_done = len(per_frame) + len(with_event)
    usual = statistics.median(per_frame)
    slow = sorted(per_frame)[int(0.99 * len(per_frame))]
    extra = statistics.median(with_event) - usual if with_event else float("nan")
    return [
        "## Live",
        "",
        f"**{frames_done / spent:.0f} frames per second** sustained, decoding included; "
        f"{events} events told, each at most 1.25 s after it ended.",
        "",
        f"One frame takes {1000 * usual:.1f} ms (median), {1000 * slow:.1f} ms (99th percentile; "
        "every eighth looks for events). Recognising an event takes "
        f"{1000 * extra:.0f} ms more (median).",
    ]


if __name__ == "__main__":
    main()
