"""How many blinks of people in videos become events.

    python benchmarks/blinks.py VIDEO ...

Analyses the videos without a model, and prints a table that does not name them. A blink is where
both eyes close to less than 0.7 of their usual opening for at most 0.6 s. An event counts as a
blink where its apex lies within one or 0.1 s around it: of any region, and of the upper face (brows
and root of the nose), where blinks move the skin. Bar: 1 in 50. In two minutes of drawn faces
no such blink was seen, so that they will not do.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label, percentile_filter

from openmer.video import Analysis, FaceCurves, analyze_video

SHUT = 0.7  # of the usual opening, as the tracker has it
LONGEST_S, AROUND_S, USUAL_S = 0.6, 0.1, 10.0
UPPER = ("brow", "root of the nose")

Span = tuple[float, float]


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("videos", type=Path, nargs="+")
    print("\n".join(table(map(counted, parser.parse_args().videos))))


def counted(video: Path) -> tuple[int, int, int, float]:
    """Blinks, those with an event, those with one of the upper face, and minutes of face."""
    return counts_of(analyze_video(video))


def counts_of(analysis: Analysis) -> tuple[int, int, int, float]:
    """As `counted`, of an analysis."""
    blinks = with_event = upper = 0
    for curves in analysis.faces:
        events = [one for one in analysis.events if one.subject_id == curves.subject_id]
        for start, end in blinks_of(curves):
            near = [e for e in events if start - AROUND_S <= e.apex_s <= end + AROUND_S]
            blinks += 1
            with_event += bool(near)
            upper += any(part in name for e in near for name in e.regions[:1] for part in UPPER)
    return blinks, with_event, upper, sum(face.seen_s for face in analysis.faces) / 60


def blinks_of(curves: FaceCurves) -> Iterator[Span]:
    """When both eyes close and open again."""
    for first, last in curves.runs:
        if not curves.has_mesh or last - first < 3:
            continue
        times_s = curves.times_s[first:last]
        rows = slice(first, last)
        shut = np.logical_and.reduce(
            [is_shut(curves.signal(f"{side}_eye")[rows], times_s) for side in ("right", "left")]
        )
        marks, count = label(shut)
        for one in range(1, count + 1):
            at = np.flatnonzero(marks == one)
            span = float(times_s[at[0]]), float(times_s[at[-1]])
            if at[0] > 0 and at[-1] < len(times_s) - 1 and span[1] - span[0] <= LONGEST_S:
                yield span


def is_shut(opening: NDArray[np.float64], times_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where an eye is opened less than usual in the seconds around."""
    samples = max(3, round(USUAL_S / float(np.median(np.diff(times_s)))))
    usual = percentile_filter(opening, 80, size=samples, mode="nearest")
    return np.asarray(opening < SHUT * usual)


def table(counts: Iterator[tuple[int, int, int, float]]) -> list[str]:
    """One row a video, without its name, and all of them."""
    rows = list(counts)
    total = tuple(sum(column) for column in zip(*rows, strict=True))
    lines = [
        "| video | minutes of face | blinks | with an event | of the upper face |",
        "| --- | --- | --- | --- | --- |",
    ]
    names = [*(f"{number}" for number in range(1, len(rows) + 1)), "all"]
    for name, (blinks, events, upper, minutes) in zip(names, [*rows, total], strict=True):
        lines.append(f"| {name} | {minutes:.1f} | {blinks} | {events} | {upper} |")
    return lines


if __name__ == "__main__":
    main()
