"""Efficient-ME's 68 folds at 224x224, the paper's whole schedule: time, memory, a plain loop.

    python benchmarks/transfer.py [--size 224] [--clips 442] [--folds 68]

Random images stand for the apex frames: training takes the same time whatever they show. Measured
in one run, on the same work:

- the still backbone's features of every clip in all its changes (on some of the rows);
- the head's 75 epochs of one fold per worker, from these features;
- an epoch of the whole network of one fold per worker, as three epochs less one, by two;
- a plain loop as a script has it: eager PyTorch, one process with PyTorch's own threads, the still
  backbone run again in every epoch of every fold (some steps of each kind).

Everything beyond that is projected from it and marked so. No epoch is stopped early on either side.
Writes benchmarks/results/transfer.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import time
from dataclasses import replace
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
from openmer.training.network import pretrained_network, shared_features

RESULTS = Path(__file__).parent / "results" / "transfer.md"
PLAIN_STEPS = 6
FEATURE_CLIPS = 24


def main() -> None:
    """Measure, project, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--clips", type=int, default=442)
    parser.add_argument("--folds", type=int, default=68)
    options = parser.parse_args()
    workers = os.cpu_count() or 1
    spec, data = make_task(options.clips, options.size)
    jobs = make_jobs(options.clips, workers)
    seconds_per_row = measure_features(spec, data)
    head, whole = spec.training.stages
    ours_head = measure_ours(spec, data, jobs, head, workers)
    one, three = (
        measure_ours(
            spec, data, jobs, whole.model_copy(update={"epochs": n, "iterations": 1}), workers
        )
        for n in (1, 3)
    )
    ours_epoch = (three - one) / 2  # without what a call costs once, as the plain steps are
    plain_head, plain_whole = measure_plain(spec, data)
    steps = -(-len(jobs[0].train) // spec.training.batch_size)
    rounds = options.folds / workers
    epochs_head, epochs_whole = (s.epochs * s.iterations for s in (head, whole))
    rows = (1 + spec.training.variants.count) * options.clips if spec.training.variants else 0
    ours = {
        "features, once": seconds_per_row * rows,
        "head": ours_head * rounds,
        "whole network": ours_epoch * epochs_whole * rounds,
    }
    plain = {
        "features, once": 0.0,
        "head": plain_head * steps * epochs_head * options.folds,
        "whole network": plain_whole * steps * epochs_whole * options.folds,
    }
    write(options, workers, ours, plain, (ours_head, ours_epoch, plain_head, plain_whole))


def make_task(clips: int, size: int) -> tuple[NetworkSpec, TrainingData]:
    """The method's own network and schedule on random images."""
    method = load_method("efficient-me")
    if method.model is None or not isinstance(method.training, NetworkTraining):
        raise SystemExit("efficient-me is no network any more; this script is out of date.")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (clips, 3, size, size), dtype=np.uint8).astype(np.float32)
    data = TrainingData(inputs=images, targets=np.arange(clips) % 3, num_classes=3)
    spec = NetworkSpec(
        model=method.model,
        loss=method.loss,
        training=method.training,
        num_classes=3,
        input_shape=(3, size, size),
    )
    return spec, data


def make_jobs(clips: int, count: int) -> list[FitJob]:
    """One fold per worker, each without six or seven clips."""
    test = tuple(range(clips - 7, clips))
    return [
        FitJob(person=f"random/p{number}", seed=0, train=tuple(range(clips - 7)), predict=test)
        for number in range(count)
    ]


def measure_features(spec: NetworkSpec, data: TrainingData) -> float:
    """Seconds per row of the still backbone, one thread."""
    some = replace(data, inputs=data.inputs[:FEATURE_CLIPS], targets=data.targets[:FEATURE_CLIPS])
    changes = spec.training.variants.count + 1 if spec.training.variants else 1
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    started = time.perf_counter()
    shared_features(spec, some, "cpu")
    elapsed = time.perf_counter() - started
    torch.set_num_threads(before)
    return elapsed / (FEATURE_CLIPS * changes)


def measure_ours(
    spec: NetworkSpec, data: TrainingData, jobs: list[FitJob], stage: Stage, workers: int
) -> float:
    """Seconds of a stage of one fold per worker, all workers at once, after their start."""
    training = spec.training.model_copy(update={"stages": (stage,)})
    own = spec.model_copy(update={"training": training})
    rows = data.clips * (1 + (training.variants.count if training.variants else 0))
    if stage.trainable == "head":  # as made by the measured function; its time is counted apart
        width = pretrained_network(spec)[1].get_submodule("head")[1].in_features
        ready = np.zeros((rows, width), dtype=np.float32)
        data = replace(data, features=ready)
    # As the whole method is planned: with its second stage, folds run side by side.
    resources = Resources(device="cpu", workers=workers, strategy="side_by_side")
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


def measure_plain(spec: NetworkSpec, data: TrainingData) -> tuple[float, float]:
    """Seconds of one step with the backbone still, and of one step of the whole network."""
    network = pretrained_network(spec)
    head = network[1].get_submodule("head")
    found = []
    for moving in (head, network):
        network.requires_grad_(False)
        moving.requires_grad_(True)
        weights = [weight for weight in network.parameters() if weight.requires_grad]
        optimizer = torch.optim.Adam(weights, lr=1e-4)
        found.append(_plain_step(network, moving, optimizer, spec, data))
    return found[0], found[1]


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


def write(
    options: argparse.Namespace,
    workers: int,
    ours: dict[str, float],
    plain: dict[str, float],
    measured: tuple[float, float, float, float],
) -> None:
    """The table, printed and kept."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    totals = sum(ours.values()), sum(plain.values())
    lines = [
        "# Efficient-ME, all folds, the paper's schedule",
        "",
        f"`python benchmarks/transfer.py --size {options.size} --clips {options.clips} --folds "
        f"{options.folds}`: {workers} cores, {platform.machine()}, torch {version('torch')}.",
        "",
        f"Measured: the head's 75 epochs of {workers} folds at once {measured[0]:.1f} s; one epoch "
        f"of the whole network of {workers} folds at once {measured[1]:.1f} s; a plain step with "
        f"the backbone still {measured[2] * 1000:.0f} ms, of the whole network "
        f"{measured[3] * 1000:.0f} ms.",
        "",
        f"Projected from it to {options.folds} folds, no epoch stopped early:",
        "",
        "| part | OpenMER, hours | plain loop, hours | ratio |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {part} | {ours[part] / 3600:.2f} | {plain[part] / 3600:.2f} | "
            f"{_ratio(plain[part], ours[part])} |"
            for part in ours
        ),
        f"| together | {totals[0] / 3600:.2f} | {totals[1] / 3600:.2f} | "
        f"{_ratio(totals[1], totals[0])} |",
        "",
        f"Peak memory of this process: {peak:.0f} MiB; the images, which workers share, are "
        f"{options.clips * 3 * options.size**2 * 4 / 2**20:.0f} MiB of it.",
        "",
    ]
    text = "\n".join(lines)
    print(text)
    RESULTS.write_text(text, encoding="utf-8")


def _ratio(plain: float, ours: float) -> str:
    return f"{plain / ours:.1f}" if plain else ""


if __name__ == "__main__":
    main()
