"""How the trainer's time and memory grow with folds, clips and input size, as a small figure.

    python benchmarks/growth.py

Random maps, STSTNet, batch 64, eager, one process. Time is the fastest of three epochs; memory is
what `bytes_per_model` counts (it sets the chunk of a stack) beside the growth of the process's peak
memory when a stack of that many folds trains. Writes benchmarks/results/growth.csv and
docs/images/growth.png.
"""

from __future__ import annotations

import csv
import multiprocessing as mp
import resource
import time
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from openmer.theme import ACCENT, SOFT
from openmer.training import (
    FitJob,
    LossConfig,
    ModelConfig,
    NetworkSpec,
    NetworkTraining,
    TrainingData,
)
from openmer.training._loop import fit
from openmer.training._memory import bytes_per_model
from openmer.training._single import SingleLearner
from openmer.training._stacked import StackedLearner

HERE = Path(__file__).parent
CASES = (
    *(("folds", folds, folds, 440, 28) for folds in (1, 2, 4, 8, 16)),
    *(("clips", clips, 4, clips, 28) for clips in (110, 220, 440, 880)),
    *(("input size (pixels)", size, 4, 440, size) for size in (14, 28, 56, 84)),
)


def main() -> None:
    """Measure every case in a fresh process, write the table and draw the figure."""
    context = mp.get_context("spawn")
    rows = []
    for axis, value, folds, clips, size in CASES:
        with context.Pool(1) as pool:
            seconds, counted, peak = pool.apply(_measure, (folds, clips, size))
        rows.append((axis, value, seconds, counted, peak))
        print(f"{axis} {value}: {seconds:.3f} s an epoch, {counted:.1f} MiB a model counted, "
              f"{peak:.1f} MiB a model measured in a stack")  # fmt: skip
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    with (results / "growth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["axis", "value", "seconds_per_epoch", "mib_counted", "mib_measured"])
        writer.writerows((a, v, f"{s:.4f}", f"{c:.1f}", f"{p:.1f}") for a, v, s, c, p in rows)
    _draw(rows, HERE.parent / "docs" / "images" / "growth.png")


def _measure(folds: int, clips: int, size: int) -> tuple[float, float, float]:
    """Seconds of an epoch of all folds, counted and measured MiB per model."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    data = TrainingData(
        inputs=rng.normal(size=(clips, 3, size, size)).astype(np.float32),
        targets=np.arange(clips) % 3,
        num_classes=3,
    )
    training = NetworkTraining(epochs=1, batch_size=64, learning_rate=1e-3)
    spec = NetworkSpec(
        model=ModelConfig(name="ststnet"),
        loss=LossConfig(),
        training=training,
        num_classes=3,
        input_shape=(3, size, size),
    )
    jobs = [
        FitJob(subject_id=f"p/{i}", seed=0, train=tuple(range(clips)), predict=())
        for i in range(folds)
    ]
    learner = SingleLearner(spec, data, device="cpu", compiled=False)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        for job in jobs:
            fit([job], learner, training, data)
        times.append(time.perf_counter() - started)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fit(jobs, StackedLearner(spec, data, device="cpu"), training, data)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return min(times), bytes_per_model(spec) / 2**20, grown / 1024 / folds


def _draw(rows: list[tuple[str, int, float, float, float]], path: Path) -> None:
    axes_names = list(dict.fromkeys(row[0] for row in rows))
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    panels = figure.subplots(2, len(axes_names), sharey="row")
    for column, name in enumerate(axes_names):
        chosen = [row for row in rows if row[0] == name]
        values = [row[1] for row in chosen]
        seconds, counted, measured = ([row[i] for row in chosen] for i in (2, 3, 4))
        panels[0, column].plot(values, seconds, "o-", color=ACCENT)
        panels[1, column].plot(values, counted, "s--", color=SOFT, label="counted")
        panels[1, column].plot(values, measured, "o-", color=ACCENT, label="measured")
        panels[1, column].set_xlabel(name)
        for panel in panels[:, column]:
            panel.set_xscale("log", base=2)
            panel.set_yscale("log")
            panel.set_xticks(values, [str(value) for value in values])
            panel.spines[["top", "right"]].set_visible(False)
    panels[0, 0].set_ylabel("seconds an epoch,\nall folds")
    panels[1, 0].set_ylabel("MiB a model")
    panels[1, 0].legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
