"""68 folds of a method that starts from stored weights, its whole schedule, against a plain loop.

    python benchmarks/transfer.py [--method efficient-me] [--clips 442] [--folds 68]

Random images stand for the apex frames: training takes the same time whatever they show. Measured
in one run, on the same work:

- of a backbone that is held still at first, the features of every clip in all its changes (on some
  of the rows), and the head's epochs of one fold per worker, from these features;
- an epoch of the whole network of one fold per worker, as three epochs less one, by two;
- a plain loop as a script has it: eager PyTorch, one process with PyTorch's own threads, a still
  backbone run again in every epoch of every fold (some steps of each kind).

Everything beyond that is projected from it and marked so. No epoch is stopped early on either side.
Writes benchmarks/results/transfer-<method>.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import time
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from openmer.methods import load_method
from openmer.training import (
    FitJob,
    NetworkSpec,
    NetworkTraining,
    Resources,
    TrainingData,
    fit_jobs,
    plan_run,
)
from openmer.training.config import Stage
from openmer.training.network import moving_part, pretrained_network, shared_features

RESULTS = Path(__file__).parent / "results"
PLAIN_STEPS = 6
FEATURE_CLIPS = 24
LOAD_BEFORE = os.getloadavg()[0]


def main() -> None:
    """Measure, project, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--method", default="efficient-me")
    parser.add_argument("--clips", type=int, default=442)
    parser.add_argument("--folds", type=int, default=68)
    options = parser.parse_args()
    workers = os.cpu_count() or 1
    spec, data = make_task(options.method, options.clips)
    jobs = make_jobs(options.clips, workers)
    parts = [measure_stage(spec, data, jobs, stage) for stage in spec.training.stages]
    if spec.training.stages[0].trainable == "head":
        parts.insert(0, Part("features, once", measure_features(spec, data), None, 1.0))
    write(options, spec, workers, parts)


@dataclass(frozen=True)
class Part:
    """A part of the schedule.

    Attributes:
        name: How the table calls it.
        ours_s: Seconds of its unit: one fold per worker, at once; or the features of all clips.
        plain_s: Seconds of the same unit of one fold in a plain loop; None where it has no such
            part.
        units: Units of one fold.
    """

    name: str
    ours_s: float
    plain_s: float | None
    units: float


def make_task(name: str, clips: int) -> tuple[NetworkSpec, TrainingData]:
    """The method's own network and schedule on random images."""
    method = load_method(name)
    training, size = method.training, method.steps.size
    if not isinstance(training, NetworkTraining) or not training.stages or size is None:
        raise SystemExit(f"{name} trains no network in stages on images of a fixed size.")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (clips, 3, size, size), dtype=np.uint8).astype(np.float32)
    data = TrainingData(inputs=images, targets=np.arange(clips) % 3, num_classes=3)
    return method.network_spec(3, (3, size, size)), data


def measure_stage(spec: NetworkSpec, data: TrainingData, jobs: list[FitJob], stage: Stage) -> Part:
    """One stage, ours and plain."""
    steps = -(-len(jobs[0].train) // spec.training.batch_size)
    plain_s = measure_plain(spec, data, stage) * steps
    epochs = stage.epochs * stage.iterations
    if stage.trainable == "head":
        ours_s = measure_ours(spec, data, jobs, stage)
        return Part(f"head, {epochs} epochs", ours_s, plain_s * epochs, 1.0)
    one, three = (
        measure_ours(spec, data, jobs, stage.model_copy(update={"epochs": n, "iterations": 1}))
        for n in (1, 3)
    )
    # The difference is without what a call costs once, as the plain steps are.
    return Part(f"whole network, {epochs} epochs", (three - one) / 2, plain_s, epochs)


def make_jobs(clips: int, count: int) -> list[FitJob]:
    """One fold per worker, each without six or seven clips."""
    test = tuple(range(clips - 7, clips))
    return [
        FitJob(person=f"random/p{number}", seed=0, train=tuple(range(clips - 7)), predict=test)
        for number in range(count)
    ]


def measure_features(spec: NetworkSpec, data: TrainingData) -> float:
    """Seconds of the still backbone on every row, from some of them; one thread."""
    some = replace(data, inputs=data.inputs[:FEATURE_CLIPS], targets=data.targets[:FEATURE_CLIPS])
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    started = time.perf_counter()
    shared_features(spec, some, "cpu")
    elapsed = time.perf_counter() - started
    torch.set_num_threads(before)
    return elapsed / FEATURE_CLIPS * data.clips


def measure_ours(spec: NetworkSpec, data: TrainingData, jobs: list[FitJob], stage: Stage) -> float:
    """Seconds of a stage of one fold per worker, all workers at once, after their start."""
    training = spec.training.model_copy(update={"stages": (stage,)})
    own = spec.model_copy(update={"training": training})
    rows = data.clips * (1 + (training.variants.count if training.variants else 0))
    if stage.trainable == "head":  # as made by the measured function; its time is counted apart
        width = pretrained_network(spec)[1].get_submodule("head")[1].in_features
        ready = np.zeros((rows, width), dtype=np.float32)
        data = replace(data, features=ready)
    # As the whole method is planned: with its second stage, folds run side by side.
    resources = Resources(device="cpu", workers=len(jobs), strategy="side_by_side")
    plan = plan_run(own, jobs, resources)
    brief = [replace(job, train=job.train[:32], predict=()) for job in jobs]
    once = own.model_copy(
        update={
            "training": training.model_copy(
                update={"stages": (stage.model_copy(update={"epochs": 1, "iterations": 1}),)}
            )
        }
    )
    list(fit_jobs(brief, once, data, plan))  # starts the workers
    started = time.perf_counter()
    list(fit_jobs(jobs, own, data, plan))
    return time.perf_counter() - started


def measure_plain(spec: NetworkSpec, data: TrainingData, stage: Stage) -> float:
    """Seconds of one step of a stage in a plain loop."""
    network = pretrained_network(spec)
    moving = moving_part(network, network[1], stage)
    network.requires_grad_(False)
    moving.requires_grad_(True)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    return _plain_step(network, moving, torch.optim.Adam(weights, lr=1e-4), spec, data)


def _plain_step(
    network: nn.Module,
    moving: nn.Module,
    optimizer: torch.optim.Optimizer,
    spec: NetworkSpec,
    data: TrainingData,
) -> float:
    size = spec.training.batch_size
    times = []
    for step in range(PLAIN_STEPS):
        rows = np.arange(step * size, (step + 1) * size) % data.clips
        started = time.perf_counter()
        inputs, targets = torch.from_numpy(data.inputs[rows]), torch.from_numpy(data.targets[rows])
        network.eval()
        moving.train()
        optimizer.zero_grad()
        loss = F.cross_entropy(network(inputs), targets)
        torch.autograd.backward(loss)
        optimizer.step()
        times.append(time.perf_counter() - started)
    return float(np.median(times[1:]))


def write(options: argparse.Namespace, spec: NetworkSpec, workers: int, parts: list[Part]) -> None:
    """The table, printed and kept."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows, size = [], spec.input_shape[-1]
    for part in parts:
        rounds = 1 if part.plain_s is None else options.folds / workers
        ours = part.ours_s * part.units * rounds
        plain = (part.plain_s or 0.0) * part.units * options.folds
        rows.append((part.name, ours, plain))
    rows.append(("together", *(sum(row[column] for row in rows) for column in (1, 2))))
    lines = [
        f"# {options.method}: all folds, the method's whole schedule",
        "",
        f"`python benchmarks/transfer.py --method {options.method} --clips {options.clips} --folds "
        f"{options.folds}`: {workers} cores, {platform.machine()}, torch {version('torch')}, "
        f"{size}x{size} pixels, load before {LOAD_BEFORE:.1f}.",
        "",
        "Measured: " + "; ".join(map(_measured, parts)) + ".",
        "",
        f"Projected from it to {options.folds} folds, no epoch stopped early:",
        "",
        "| part | OpenMER, hours | plain loop, hours | ratio |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {name} | {ours / 3600:.2f} | {plain / 3600:.2f} | {_ratio(plain, ours)} |"
            for name, ours, plain in rows
        ),
        "",
        f"Peak memory of this process {peak:.0f} MiB, of which the images, which workers share, "
        f"are {options.clips * 3 * size**2 * 4 / 2**20:.0f} MiB; of the largest worker "
        f"{workers_peak_mib():.0f} MiB.",
        "",
    ]
    text = "\n".join(lines)
    print(text)
    (RESULTS / f"transfer-{options.method}.md").write_text(text, encoding="utf-8")


def workers_peak_mib() -> float:
    """The most memory that a worker process, still alive, has held; 0 where that is not told."""
    peaks = [0]
    for children in Path("/proc/self/task").glob("*/children"):
        for worker in children.read_text().split():
            status = (Path("/proc") / worker / "status").read_text()
            peaks += [int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line]
    return max(peaks) / 1024


def _measured(part: Part) -> str:
    """What was measured of a part."""
    if part.plain_s is None:
        return f"{part.name} {part.ours_s:.0f} s"
    unit = "one epoch" if part.units > 1 else "all"
    return (
        f"{part.name}: {unit} of one fold per worker {part.ours_s:.1f} s, of one fold in a plain "
        f"loop {part.plain_s:.1f} s"
    )


def _ratio(plain: float, ours: float) -> str:
    return f"{plain / ours:.1f}" if plain else ""


if __name__ == "__main__":
    main()
