"""Speed: histograms on three planes of a clip, against a plain Python loop on the same clip.

    python benchmarks/descriptors.py [--frames 10] [--side 128] [--size 5]

Each descriptor is made of one random clip by its recipe step and by a loop over lists, one place
after another, in one process. Their histograms must agree. Prints processor seconds, the fastest of
five for the step, and writes benchmarks/results/descriptors.md.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from machine import processor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.preprocessing.memory_clips import clip_data

from openmer.preprocessing import Recipe
from openmer.preprocessing.steps.lbp_top import _uniform

RESULTS = Path(__file__).parent / "results" / "descriptors.md"
PLANES = ((1, 2), (0, 2), (0, 1))
AROUND = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
SIX = ((0, 0, 1), (0, 0, -1), (0, 1, 0), (0, -1, 0), (1, 0, 0), (-1, 0, 0))
STEPS = {
    "LBP-TOP": {"step": "lbp_top"},
    "LBP-SIP": {"step": "lbp_sip"},
    "HOG-TOP": {"step": "hog_top"},
    "HIGO-TOP": {"step": "hog_top", "weighted": False},
}

Volume = list[list[list[float]]]
Labels = Iterator[tuple[int, int, int, float]]


def patterns(volume: Volume, ways: list[tuple[tuple[int, ...], ...]], bins: list[int]) -> Labels:
    """Yield row, column, bin and weight of each place inside, by its brighter neighbours."""
    for t in range(1, len(volume) - 1):
        for y in range(1, len(volume[0]) - 1):
            for x in range(1, len(volume[0][0]) - 1):
                middle = volume[t][y][x]
                for plane, steps in enumerate(ways):
                    code = 0
                    for bit, (dt, dy, dx) in enumerate(steps):
                        code |= (volume[t + dt][y + dy][x + dx] >= middle) << bit
                    yield y - 1, x - 1, bins[code] + plane * (max(bins) + 1), 1.0


def gradients(volume: Volume, *, weighted: bool) -> Labels:
    """Yield row, column, bin and weight of each place, by the direction of its gradient."""
    shape = len(volume), len(volume[0]), len(volume[0][0])

    def along(place: tuple[int, int, int], axis: int) -> float:
        before, after = list(place), list(place)
        before[axis], after[axis] = (
            max(place[axis] - 1, 0),
            min(place[axis] + 1, shape[axis] - 1),
        )
        far = volume[after[0]][after[1]][after[2]] - volume[before[0]][before[1]][before[2]]
        return far / (after[axis] - before[axis])

    for t in range(shape[0]):
        for y in range(shape[1]):
            for x in range(shape[2]):
                slopes = [along((t, y, x), axis) for axis in range(3)]
                for plane, (down, right) in enumerate(PLANES):
                    turn = math.atan2(slopes[down], slopes[right]) / (2 * math.pi)
                    length = math.hypot(slopes[down], slopes[right])
                    weight = length if weighted else float(length > 0)
                    yield y, x, math.floor(turn * 8 + 0.5) % 8 + 8 * plane, weight


def loop(name: str, volume: Volume) -> tuple[Labels, int, int]:
    """Return the labels of a descriptor, its bins and its planes."""
    if name == "LBP-SIP":
        return patterns(volume, [SIX], list(range(64))), 64, 1
    if name == "LBP-TOP":
        ways = []
        for down, right in PLANES:
            steps = [[0, 0, 0] for _ in AROUND]
            for step, (a, b) in zip(steps, AROUND, strict=True):
                step[down], step[right] = a, b
            ways.append(tuple(map(tuple, steps)))
        return patterns(volume, ways, _uniform()[0].tolist()), 177, 3
    return gradients(volume, weighted=name == "HOG-TOP"), 24, 3


def histograms(name: str, volume: Volume, size: int) -> list[list[list[float]]]:
    """Return the histograms of a descriptor, ``[bin][row][column]``, by a plain loop."""
    labels, bins, planes = loop(name, volume)
    border = 2 if name.startswith("LBP") else 0
    height, width = len(volume[0]) - border, len(volume[0][0]) - border
    cells = [[[0.0] * size for _ in range(size)] for _ in range(bins)]
    for y, x, label, weight in labels:
        cells[label][y * size // height][x * size // width] += weight
    share = bins // planes
    for first in range(0, bins, share):
        for row in range(size):
            for column in range(size):
                total = sum(cells[b][row][column] for b in range(first, first + share))
                for b in range(first, first + share):
                    cells[b][row][column] /= max(total, 1e-12)
    return cells


def spent(work: Callable[[], object], times: int) -> tuple[float, object]:
    """Return the fewest processor seconds of some runs, and what the last returned."""
    fewest, found = math.inf, None
    for _ in range(times):
        began = time.process_time()
        found = work()
        fewest = min(fewest, time.process_time() - began)
    return fewest, found


def main() -> None:
    """Measure every descriptor and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--size", type=int, default=5, help="Cells along a side.")
    given = parser.parse_args()
    shape = given.frames, given.side, given.side
    volume = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
    data, lists = clip_data(volume), volume.tolist()
    lines = [
        f"{given.frames} frames of {given.side} x {given.side} pixels, {given.size} x {given.size} "
        f"cells; processor seconds, one thread. {processor()}; load {os.getloadavg()[0]:.1f}. "
        "`python benchmarks/descriptors.py`",
        "",
        "| descriptor | step | plain loop | times as fast |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, table in STEPS.items():
        step = Recipe.from_tables([table | {"size": given.size}]).steps[0]
        ours, found = spent(lambda step=step: step.apply(data).array, 5)
        plain, expected = spent(lambda name=name: histograms(name, lists, given.size), 1)
        np.testing.assert_allclose(found, expected, atol=2e-4)
        lines.append(f"| {name} | {ours:.4f} | {plain:.2f} | {plain / ours:.0f} |")
        print(lines[-1], flush=True)
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
