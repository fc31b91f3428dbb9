"""Error and time of every flow method on pairs whose motion is exactly known.

    python benchmarks/optical_flow.py [--quick]

Prints two tables and writes them to benchmarks/results/optical_flow.csv: end-point errors, and the
time per 224 x 224 pair with one and two cores, each beside its ratio to OpenCV's TV-L1 of the same
run. Times are the least of several rounds in which all methods take turns. The pictures come with
scikit-image or are random; no licensed data is read. The pairs here were not those on which the
parameters of TV-L1 were chosen.
"""

from __future__ import annotations

import argparse
import csv
import inspect
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import cv2
import joblib
import numpy as np
import scipy
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from skimage import data

from openmer.preprocessing import list_flow_methods, optical_flow
from openmer.preprocessing.flow._flow import flow_method
from openmer.preprocessing.flow._tvl1 import tvl1

RESULTS = Path(__file__).parent / "results" / "optical_flow.csv"
REFERENCE = "tvl1-opencv"
SIDE = 224
IMAGES = ("camera", "astronaut", "face", "brick", "random")
MOTIONS = ("smooth", "edged")
NOISES = (0.0, 1.0, 2.0)
LIGHTS = ("same", "brighter", "gradient")
BATCHES = (1, 8, 32)
COLUMNS = ("table", "method", "case", "pairs", "all_px", "moving_px", "ms_per_pair", "ratio")
LUMA = np.array([0.299, 0.587, 0.114])

Gray = NDArray[np.float32]
Row = dict[str, object]


@dataclass(frozen=True)
class Pair:
    """Two frames in 0..255, the flow between them, and what they are."""

    first: Gray
    second: Gray
    motion: Gray
    traits: dict[str, object]


@cache
def photograph(name: str) -> NDArray[np.float64]:
    """A gray image in 0..255, larger than a frame."""
    if name == "camera":
        return data.camera().astype(np.float64)
    if name == "brick":
        return data.brick().astype(np.float64)
    astronaut = (data.astronaut() @ LUMA).astype(np.float64)
    if name == "face":  # at the size that faces have in a crop
        return cv2.resize(astronaut[:240, 130:330], None, fx=1.6, fy=1.6, interpolation=2)
    return astronaut


def random_texture(rng: np.random.Generator) -> NDArray[np.float64]:
    """Three scales of smoothed noise, in 20..235."""
    scales = ((1.5, 0.5), (4.0, 1.0), (10.0, 1.5))
    total = sum(
        weight * scale * gaussian_filter(rng.normal(size=(320, 320)), scale, mode="wrap")
        for scale, weight in scales
    )
    return 20 + 215 * (total - np.min(total)) / np.ptp(total)


def random_motion(rng: np.random.Generator, kind: str) -> NDArray[np.float64]:
    """Local movements of 0.5 to 3 px and a shift of at most 0.4 px: ``(2, SIDE, SIDE)``."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    motion = np.zeros((2, SIDE, SIDE))
    for _ in range(rng.integers(3, 7)):
        centre_y, centre_x = rng.uniform(30, SIDE - 30, size=2)
        width, angle, peak_px = rng.uniform(8, 25), rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 3)
        stretch = rng.uniform(0.6, 1.6)
        squared = (y - centre_y) ** 2 * stretch + (x - centre_x) ** 2 / stretch
        bump = peak_px * np.exp(-squared / (2 * width**2))
        if kind == "edged":  # as at a lid or a lip: still above, moving below
            bump /= 1 + np.exp(-(y - centre_y) / 0.5)
        motion += bump * np.array([np.cos(angle), np.sin(angle)])[:, None, None]
    motion *= min(1.0, 3 / np.hypot(*motion).max())
    return motion + rng.uniform(-0.4, 0.4, size=(2, 1, 1))


def relit(frame: NDArray[np.float64], light: str) -> NDArray[np.float64]:
    """The frame in a slightly different light."""
    if light == "brighter":
        return frame * 1.01 + 1
    if light == "gradient":
        return frame + np.linspace(-3, 3, SIDE)
    return frame


def make_pair(name: str, kind: str, noise: float, light: str, seed: int) -> Pair:
    """The first frame is the picture at the places where its pixels go, hence the flow is exact."""
    rng = np.random.default_rng([2024, seed])
    image = random_texture(rng) if name == "random" else photograph(name)
    height, width = image.shape
    top, left = rng.integers(0, height - SIDE + 1), rng.integers(0, width - SIDE + 1)
    motion = random_motion(rng, kind)
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    places = [y + top + motion[1], x + left + motion[0]]
    frames = (
        map_coordinates(image, places, order=5, mode="mirror"),
        relit(image[top : top + SIDE, left : left + SIDE], light),
    )
    first, second = (
        np.clip(np.rint(frame + noise * rng.normal(size=frame.shape)), 0, 255).astype(np.float32)
        for frame in frames
    )
    traits = {"image": name, "motion": kind, "noise": noise, "light": light}
    return Pair(first, second, motion.astype(np.float32), traits)


def make_pairs(*, quick: bool) -> list[Pair]:
    """Every combination once."""
    noises, lights = (NOISES[1:2], LIGHTS[:2]) if quick else (NOISES, LIGHTS)
    cases = product(IMAGES, MOTIONS, noises, lights)
    return [make_pair(*case, seed) for seed, case in enumerate(cases)]


def end_point_errors(flow: Gray, motion: Gray) -> tuple[float, float]:
    """Mean error in pixels: over all pixels, and over those that move by half a pixel."""
    error = np.hypot(*(flow - motion))
    return float(error.mean()), float(error[np.hypot(*motion) > 0.5].mean())


def error_rows(pairs: list[Pair]) -> Iterator[Row]:
    """For all pairs, and for those that share a trait, the errors of every method."""
    methods: dict[str, Callable[[Gray, Gray], Gray]] = {
        name: lambda first, second, name=name: optical_flow(first, second, method=name)
        for name in list_flow_methods()
    }
    methods["no motion at all"] = lambda first, _: np.zeros((2, *first.shape), np.float32)
    errors = {
        name: np.array([end_point_errors(flow(p.first, p.second), p.motion) for p in pairs])
        for name, flow in methods.items()
    }
    cases = [("all pairs", np.ones(len(pairs), bool))]
    for trait in pairs[0].traits:
        for value in dict.fromkeys(pair.traits[trait] for pair in pairs):
            chosen = np.array([pair.traits[trait] == value for pair in pairs])
            cases.append((f"{trait} {value}", chosen))
    for case, chosen in cases:
        reference = errors[REFERENCE][chosen].mean(axis=0)
        for name, values in errors.items():
            every, moving = values[chosen].mean(axis=0)
            yield {
                "table": "error", "method": name, "case": case, "pairs": int(chosen.sum()),
                "all_px": f"{every:.4f}", "moving_px": f"{moving:.4f}",
                "ratio": f"{moving / reference[1]:.2f}",
            }  # fmt: skip


def loop(name: str, pairs: list[Pair], threads: int) -> None:
    """One method on every pair, with as many threads as it makes use of."""
    cv2.setNumThreads(threads)
    torch.set_num_threads(threads)
    # What is around a method of OpenCV keeps it on one thread.
    function = inspect.unwrap(flow_method(name).function)
    for pair in pairs:
        function(pair.first, pair.second)


def batch(
    pairs: list[Pair], device: str, size: int, threads: int = 1
) -> tuple[Callable[[], None], int]:
    """Our TV-L1 on batches of tensors that are already on the device, and the number of pairs."""
    repeats = max(1, 8 // size)
    chosen = [pairs[i % len(pairs)] for i in range(size)]
    first, second = (
        torch.from_numpy(np.stack([getattr(pair, name) for pair in chosen]) / 255).to(device)
        for name in ("first", "second")
    )

    def run() -> None:
        torch.set_num_threads(threads)
        for _ in range(repeats):
            tvl1(first, second)
        if device == "cuda":
            torch.cuda.synchronize()

    return run, size * repeats


def side_by_side(name: str, pairs: list[Pair], pool: joblib.Parallel) -> Callable[[], None]:
    """One method on two processes, one thread each, as `prepare(workers=2)`."""
    return lambda: pool(joblib.delayed(loop)(name, share, 1) for share in (pairs[::2], pairs[1::2]))


def speed_cases(
    pairs: list[Pair], pool: joblib.Parallel
) -> dict[tuple[str, str], tuple[Callable[[], None], int]]:
    """What is timed: method and case, a function, and how many pairs that takes."""
    cases: dict[tuple[str, str], tuple[Callable[[], None], int]] = {}
    for name in list_flow_methods():
        few = pairs[:2] if name == REFERENCE else pairs[:8]
        for threads in (1, 2):
            cases[name, f"pair by pair, {threads} thread{'s'[: threads - 1]}"] = (
                lambda name=name, few=few, threads=threads: loop(name, few, threads),
                len(few),
            )
        cases[name, "pair by pair, 2 processes"] = side_by_side(name, few, pool), len(few)
    for size in BATCHES:
        for threads in (1, 2):
            case = f"batch of {size}, {threads} thread{'s'[: threads - 1]}"
            cases["tvl1", case] = batch(pairs, "cpu", size, threads)
        if torch.cuda.is_available():
            cases["tvl1", f"batch of {size}, cuda"] = batch(pairs, "cuda", size)
    return cases


def speed_rows(pairs: list[Pair], rounds: int) -> Iterator[Row]:
    """The least time of several rounds; all cases take turns, so that all see the same machine.

    The ratio is to OpenCV's TV-L1 on as many threads or processes, pair by pair; on a GPU, to one
    thread.
    """
    least: dict[tuple[str, str], float] = {}
    with joblib.Parallel(n_jobs=2) as pool:
        cases = speed_cases(pairs, pool)
        for index in range(rounds + 1):
            for key, (run, count) in cases.items():
                start = time.perf_counter()
                run()
                spent_ms = (time.perf_counter() - start) / count * 1000
                if index:  # the first round warms up
                    least[key] = min(least.get(key, np.inf), spent_ms)
    alone = least[REFERENCE, "pair by pair, 1 thread"]
    for (name, case), spent_ms in least.items():
        workers = case.rpartition(", ")[2]
        reference_ms = least.get((REFERENCE, f"pair by pair, {workers}"), alone)
        yield {
            "table": "speed", "method": name, "case": case, "pairs": cases[name, case][1],
            "ms_per_pair": f"{spent_ms:.1f}",
            "ratio": f"{reference_ms / spent_ms:.1f}",
        }  # fmt: skip


def show(rows: list[Row]) -> None:
    """Both tables on the terminal."""
    print(f"\n{'case':18} {'method':18} {'all px':>8} {'moving px':>10} {'to OpenCV TV-L1':>16}")
    for row in rows:
        if row["table"] == "error":
            print(
                f"{row['case']:18} {row['method']:18} {row['all_px']:>8} {row['moving_px']:>10} "
                f"{row['ratio']:>16}"
            )
    print(f"\n{'case':28} {'method':18} {'ms a pair':>10} {'times as fast as OpenCV TV-L1':>30}")
    for row in rows:
        if row["table"] == "speed":
            print(
                f"{row['case']:28} {row['method']:18} {row['ms_per_pair']:>10} {row['ratio']:>30}"
            )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few pairs and rounds, for a trial")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the CSV goes")
    options = parser.parse_args()
    versions = (("Python", platform.python_version()), ("NumPy", np.__version__),
                ("SciPy", scipy.__version__), ("OpenCV", cv2.__version__),
                ("PyTorch", torch.__version__))  # fmt: skip
    print(", ".join(f"{name} {version}" for name, version in versions))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    pairs = make_pairs(quick=options.quick)
    rows = [*error_rows(pairs), *speed_rows(pairs, rounds=2 if options.quick else 6)]
    show(rows)
    options.output.parent.mkdir(exist_ok=True)
    with options.output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    print(f"\nWritten to {options.output}")


if __name__ == "__main__":
    main()
