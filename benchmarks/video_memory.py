"""Memory of `openmer analyze` over the length of a 1080p video.

    python benchmarks/video_memory.py [--minutes 60]

Makes ten seconds of a synthetic subject at 1920x1080 and repeats its packets up to the length asked
for (nothing is encoded again), analyses it, and writes benchmarks/results/video_memory.md: the
memory of the process every tenth of the video, and at the end of each part of the work.
"""

from __future__ import annotations

import argparse
import tempfile
from fractions import Fraction
from pathlib import Path

import av

from openmer.datasets import write_long
from openmer.datasets.synthetic._long_videos import LongPlan, Take
from openmer.deployment import default_model
from openmer.video import analyze_video

HERE = Path(__file__).parent
PLAN = LongPlan(takes=(Take(seconds=10),), width=1920, height=1080, face_px=(280, 300))


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=60)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        write_long(Path(folder) / "once", PLAN, 100)
        long = _repeated(Path(folder) / "once" / "video01.mp4", Path(folder) / "long.mp4", minutes)
        lines = _measured(long, minutes)
    text = "\n".join(lines) + "\n"
    print(text)
    (HERE / "results" / "video_memory.md").write_text(text, encoding="utf-8")


def _repeated(source: Path, target: Path, minutes: float) -> Path:
    """The same packets over and over."""
    with av.open(str(source)) as read, av.open(str(target), "w") as write:
        stream = read.streams.video[0]
        packets = [packet for packet in read.demux(stream) if packet.dts is not None]
        copy = write.add_stream_from_template(stream)
        step = sum(packet.duration for packet in packets)
        for turn in range(round(minutes * 60 / float(step * stream.time_base))):
            for packet in packets:
                again = av.Packet(bytes(packet))
                again.pts, again.dts = packet.pts + turn * step, packet.dts + turn * step
                again.duration, again.time_base = packet.duration, packet.time_base
                again.is_keyframe, again.stream = packet.is_keyframe, copy
                write.mux(again)
    return target


def _measured(video: Path, minutes: float) -> list[str]:
    frames = minutes * 60 * float(Fraction(30))
    rows: list[tuple[str, float]] = [("before", _mib())]

    def note(stage: str, done: int, total: int) -> None:
        del total
        tenth = f"following, {10 * int(10 * done / frames)} %"
        label = tenth if stage == "follow" else "recognising"
        if label != rows[-1][0]:
            rows.append((label, _mib()))
            print(f"{label}: {rows[-1][1]:.0f} MiB", flush=True)

    analysis = analyze_video(video, model=default_model(), on_progress=note)
    rows.append(("after", _mib()))
    return [
        "# Memory of video analysis",
        "",
        f"`python benchmarks/video_memory.py --minutes {minutes:g}`: 1920x1080 H.264, "
        f"{analysis.frames} frames, {len(analysis.faces)} face, {len(analysis.events)} events. "
        "Resident memory of the process:",
        "",
        "| when | MiB |",
        "| --- | --- |",
        *(f"| {label} | {mib:.0f} |" for label, mib in rows),
    ]


def _mib() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    kib = next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]
    return int(kib) / 2**10


if __name__ == "__main__":
    main()
