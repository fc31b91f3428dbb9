"""Magnification and apex, measured on synthetic clips whose motion is known.

    python benchmarks/magnification.py [--quick]

Prints four tables and writes them to benchmarks/results/magnification.csv: the time against a plain
NumPy and OpenCV Euler magnification (in this file, same run, one thread); the magnified motion
against (1 + alpha) d; what the band 0.1-0.4 Hz does; and the error of each apex policy in frames.
No licensed data is read.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import platform
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scipy.signal
import torch
from numpy.typing import NDArray

from openmer.datasets.synthetic._clips import SyntheticClip, generate
from openmer.datasets.synthetic._plan import CorpusPlan, Part
from openmer.preprocessing import (
    FlowApex,
    MagnifySettings,
    band_report,
    find_apex,
    linear_limit_px,
    magnify,
    optical_flow,
)
from openmer.preprocessing.steps._apex import POLICIES

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
RESULTS = Path(__file__).parent / "results" / "magnification.csv"
SETTINGS = {
    "default": MagnifySettings(),
    "wu_2012": MagnifySettings(finest_level=1, cutoff_px=16.0),
    "gaussian": MagnifySettings(pyramid="gaussian", finest_level=1),
}
Row = dict[str, Any]
Floats = NDArray[np.floating[Any]]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer clips and repetitions")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    versions = (
        f"Python {platform.python_version()}, torch {torch.__version__}, NumPy {np.__version__}, "
        f"SciPy {scipy.__version__}, OpenCV {cv2.__version__}, {platform.machine()}, one thread"
    )
    print(versions)
    rows = [
        *speed(3 if quick else 9),
        *motion(2 if quick else 6),
        *dense_attention_band(),
        *apex_errors(6 if quick else 1),
    ]
    for row in rows:
        row["versions"] = versions
    keys = list(dict.fromkeys(key for row in rows for key in row))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, keys)
        writer.writeheader()
        writer.writerows(rows)
    print(f"Written to {RESULTS}.")


def plain_magnify(
    frames: NDArray[np.float32], alpha: float, levels: int, passes: Callable[[Floats], Floats]
) -> NDArray[np.float32]:
    """Euler magnification as one would write it down: pyramids, a filter per level, collapse."""
    bands: list[list[NDArray[np.float32]]] = [[] for _ in range(levels)]
    for frame in frames:
        image = frame
        for level in range(levels):
            smaller = cv2.pyrDown(image)
            bands[level].append(image - cv2.pyrUp(smaller, dstsize=image.shape[1::-1]))
            image = smaller
    changes = [alpha * passes(np.stack(band)).astype(np.float32) for band in bands]
    result = np.empty_like(frames)
    for number, frame in enumerate(frames):
        total = changes[-1][number]
        for change in changes[-2::-1]:
            finer = change[number]
            total = finer + cv2.pyrUp(total, dstsize=finer.shape[1::-1])
        result[number] = frame + total
    return result


def plain_ideal(series: Floats) -> Floats:
    """The bins from 3 to 20 Hz at 200 fps."""
    frequencies = np.fft.rfftfreq(len(series), 1 / 200)
    spectrum = np.fft.rfft(series, axis=0)
    spectrum[(frequencies < 3) | (frequencies > 20)] = 0
    return np.fft.irfft(spectrum, len(series), axis=0)


def plain_butterworth(series: Floats) -> Floats:
    """Second order, forward and backward."""
    sections = scipy.signal.butter(2, (3, 20), "bandpass", fs=200, output="sos")
    return scipy.signal.sosfiltfilt(sections, series, axis=0)


def plain_iir(series: Floats) -> Floats:
    """The difference of two low-passes, frame by frame."""
    fast, slow = (1 - np.exp(-2 * np.pi * edge / 200) for edge in (20, 3))
    low_fast = low_slow = series[0]
    result = np.empty_like(series)
    for number, frame in enumerate(series):
        low_fast = (1 - fast) * low_fast + fast * frame
        low_slow = (1 - slow) * low_slow + slow * frame
        result[number] = low_fast - low_slow
    return result


def speed(repeats: int) -> list[Row]:
    """The same magnification twice, in turns; minima and their ratio."""
    print("\nTime of one clip, 3-20 Hz, ms (least of the repetitions, in turns)")
    rows = []
    filters = {"ideal": plain_ideal, "butterworth": plain_butterworth, "iir": plain_iir}
    sizes = ((61, 112, 1), (61, 160, 1), (61, 160, 3), (200, 280, 1))
    for (frames, side, channels), name in itertools.product(sizes, filters):
        shape = (frames, side, side) if channels == 1 else (frames, side, side, channels)
        clip = np.random.default_rng(0).random(shape, dtype=np.float32)
        settings = MagnifySettings(levels=4, colour="rgb")
        ours = partial(
            magnify, torch.from_numpy(clip), fps=200, alpha=15, band_hz=(3.0, 20.0), filter=name,
            settings=settings,
        )  # fmt: skip
        plain = partial(plain_magnify, clip, 15, 4, filters[name])
        ms, plain_ms = least_ms((ours, plain), repeats)
        inner = (slice(None), slice(48, -48), slice(48, -48))
        apart = float(np.abs(ours().numpy() - plain())[inner].max())
        row = {
            "table": "speed", "filter": name, "clip": "x".join(map(str, shape)),
            "openmer_ms": round(ms, 1),
            "plain_ms": round(plain_ms, 1), "ratio": round(plain_ms / ms, 2),
            "largest_difference_inside": f"{apart:.1e}",
        }  # fmt: skip
        rows.append(row)
        show(row)
    return rows


def motion(subjects: int) -> list[Row]:
    """Flow from onset to apex of magnified clips against (1 + alpha) d, over moving pixels."""
    print("\nMagnified motion / ((1 + alpha) d), Farneback; band: all bins but 0 Hz; ideal filter")
    rows = []
    for noise in (0.0, 1.0):
        for amplitude in (0.1, 0.3, 1.0):
            clips = small_movements(amplitude, noise, subjects)
            for name, settings in SETTINGS.items():
                ruler = np.array([magnified_share(clip, 0, settings) for clip in clips])
                for alpha in (0, 2, 5, 10, 15):
                    shares = [magnified_share(clip, alpha, settings) for clip in clips]
                    row = {
                        "table": "motion", "noise": noise, "d_px": amplitude, "settings": name,
                        "alpha": alpha, "target_px": round((1 + alpha) * amplitude, 2),
                        "needs_wavelength_px": round(amplitude / linear_limit_px(alpha, 1), 1),
                        "share_mean": round(float(np.mean(shares)), 3),
                        "relative_to_alpha_0": round(float(np.mean(shares / ruler)), 3),
                        "share_least": round(min(shares), 3), "share_most": round(max(shares), 3),
                    }  # fmt: skip
                    rows.append(row)
                    show(row)
    return rows


def dense_attention_band() -> list[Row]:
    """What alpha 15 in 0.1-0.4 Hz does to clips of the usual lengths."""
    print("\nThe band 0.1-0.4 Hz of the dense-attention paper, alpha 15")
    rows = []
    for frames, fps in ((61, 200), (74, 200), (34, 100), (15, 30)):
        for name in ("ideal", "butterworth", "iir"):
            report = band_report(frames, fps, (0.1, 0.4), name)
            row = {
                "table": "dense_attention_band", "clip": f"{frames} frames at {fps} fps",
                "filter": name, "bins": len(report.bins_in_band_hz),
                "apex_magnified_times": round(1 + 15 * report.apex_gain, 2),
            }  # fmt: skip
            rows.append(row)
            show(row)
    return rows


def apex_errors(every: int) -> list[Row]:
    """Frames between each policy's apex and the true one, on the demo corpus."""
    print("\nError of the apex in frames, synthetic demo corpus")
    searches = {
        "annotated": FlowApex(), "middle": FlowApex(), "flow": FlowApex(),
        "flow, unsmoothed": FlowApex(smoothing_frames=0),
        "flow, length": FlowApex(measure="length"),
        "flow, farneback": FlowApex(method="farneback"),
    }  # fmt: skip
    errors: dict[str, list[int]] = {name: [] for name in searches}
    for number, synthetic in enumerate(generate("demo")):
        if number % every:
            continue
        gray = synthetic.frames_rgb @ LUMA
        for name, search in searches.items():
            policy = name.split(",")[0]
            found = find_apex(synthetic.clip, policy, search=search, frames=gray)
            errors[name].append(abs(found.frame - synthetic.true_apex))
    assert set(POLICIES) <= set(errors)  # noqa: S101
    rows = []
    for name, found_errors in errors.items():
        row = {
            "table": "apex", "policy": name, "clips": len(found_errors),
            "mean_frames": round(float(np.mean(found_errors)), 2),
            "median_frames": float(np.median(found_errors)), "most_frames": max(found_errors),
        }  # fmt: skip
        rows.append(row)
        show(row)
    return rows


def small_movements(amplitude_px: float, noise: float, subjects: int) -> list[SyntheticClip]:
    """One clip per subject, all of about one amplitude, the head still."""
    part = Part(
        corpus="motion",
        subjects=tuple(f"s{number}" for number in range(subjects)),
        fps=Fraction(200),
        movement_frames=(19, 24),
    )
    plan = CorpusPlan(
        parts=(part,), clips_per_subject=1, frame_size=160, noise=noise, sway=0.0,
        amplitude_px=(amplitude_px, amplitude_px * 1.01),
    )  # fmt: skip
    return list(generate(plan))


def magnified_share(clip: SyntheticClip, alpha: float, settings: MagnifySettings) -> float:
    """Least-squares factor between the measured flow and (1 + alpha) times the true one."""
    gray = (clip.frames_rgb @ LUMA) / np.float32(255)
    result = magnify(
        gray, fps=200, alpha=alpha, band_hz=(100 / len(gray), 100), filter="ideal",
        settings=settings,
    )  # fmt: skip
    onset, apex = (
        (np.clip(result[number or 0], 0, 1) * 255).astype(np.float32)
        for number in (clip.clip.onset, clip.clip.apex)
    )
    flow = optical_flow(onset, apex, method="farneback")
    length = np.hypot(*clip.facial_flow_xy)
    moving = length > 0.5 * length.max()
    truth = (1 + alpha) * clip.facial_flow_xy[:, moving]
    return float((flow[:, moving] * truth).sum() / (truth**2).sum())


def least_ms(functions: tuple[Callable[[], Any], ...], repeats: int) -> list[float]:
    """Least time of each function, called in turns."""
    least = [float("inf")] * len(functions)
    for _ in range(repeats):
        for place, function in enumerate(functions):
            start = time.perf_counter()
            function()
            least[place] = min(least[place], 1000 * (time.perf_counter() - start))
    return least


def show(row: Row) -> None:
    """One line of a table."""
    print("  " + "  ".join(f"{key} {value}" for key, value in row.items() if key != "table"))


if __name__ == "__main__":
    main()
