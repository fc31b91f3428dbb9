"""68 folds of a method that starts from stored weights, its whole schedule, against a plain loop.

    python benchmarks/transfer.py [--method efficient-me] [--clips 442] [--folds 68] [--steps N]

Random images stand for the apex frames: training takes the same time whatever they show. Measured
in one run, on the same work:

- of parts that are held still at first, what they make of every clip in all its changes (on some
  of the rows), and the head's epochs of one fold per worker, from that;
- an epoch of every other stage of one fold per worker, as three epochs less one, by two; with
  --steps N an epoch of the first N steps, which counts for as many as it has in full;
- the support vector machines of one fold per worker, where the method ends in one;
- a plain loop as a script has it: eager PyTorch, one process with PyTorch's own threads, still
  parts run again in every epoch of every fold (some steps of each kind).

Everything beyond that is projected from it and marked so. No epoch is stopped early on either side.
Writes benchmarks/results/transfer-<method>.md.
"""

from __future__ import annotations

import argparse
import math
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
from joblib import Parallel, delayed

from openmer.methods import load_method
from openmer.training import (
    FitJob,
    FloatArray,
    NetworkSpec,
    NetworkTraining,
    Resources,
    Stage,
    TrainingData,
    fit_jobs,
    let_move,
    plan_run,
    pretrained_network,
    set_learning,
)
from openmer.training._batches import epoch_batches, training_rows
from openmer.training._frozen_prefix import FrozenPrefix
from openmer.training._network import frozen_prefix_of, shared_features
from openmer.training._sampling import Rows
from openmer.training._svm import Examples, fit_svm

RESULTS = Path(__file__).parent / "results"
PLAIN_STEPS = 4
FEATURE_CLIPS = 24
LOAD_BEFORE = os.getloadavg()[0]


def main() -> None:
    """Measure, project, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--method", default="efficient-me")
    parser.add_argument("--clips", type=int, default=442)
    parser.add_argument("--folds", type=int, default=68)
    parser.add_argument("--steps", type=int, default=0, help="of a measured epoch; 0 takes all")
    options = parser.parse_args()
    workers = os.cpu_count() or 1
    spec, data = make_task(options.method, options.clips)
    jobs = make_jobs(options.clips, workers)
    parts = [
        measure_stage(spec, data, jobs, stage, options.steps) for stage in spec.training.stages
    ]
    if frozen_prefix_of(spec) is not None:
        once = measure_features(spec, data)
        # A plain loop without any stage would make them in every fold; else its steps do.
        parts.insert(
            0,
            Part("still parts, once", once, None if spec.training.stages else once, 1.0, once=True),
        )
    if spec.training.svm is not None:
        parts.append(measure_machines(spec, data, jobs))
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
        once: Whether ours is for all folds together.
    """

    name: str
    ours_s: float
    plain_s: float | None
    units: float
    once: bool = False


def make_task(name: str, clips: int) -> tuple[NetworkSpec, TrainingData]:
    """The method's own network and schedule on random images."""
    method = load_method(name)
    training, size = method.training, method.steps.size
    stages = isinstance(training, NetworkTraining) and (training.stages or training.svm)
    if not stages or size is None:
        raise SystemExit(f"{name} trains no network in stages on images of a fixed size.")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (clips, 3, size, size), dtype=np.uint8).astype(np.float32)
    shares = np.cumsum((250, 109, 83)) / 442  # negative, positive, surprise of MEGC 2019
    targets = np.searchsorted(shares, (rng.permutation(clips) + 0.5) / clips)
    data = TrainingData(inputs=images, targets=targets, num_classes=3)
    return method.network_spec(3, (3, size, size)), data


def measure_stage(
    spec: NetworkSpec, data: TrainingData, jobs: list[FitJob], stage: Stage, most_steps: int
) -> Part:
    """One stage, ours and plain."""
    batches = epoch_batches(jobs[0], spec.training, data, 1)
    steps, size = len(batches), len(batches[0])
    plain_s = measure_plain(spec, data, stage, size) * steps
    epochs = stage.epochs * stage.iterations
    if stage.trainable == "head":
        ours_s = measure_ours(spec, data, jobs, stage)
        return Part(f"head, {epochs} epochs", ours_s, plain_s * epochs, 1.0)
    measured = min(steps, most_steps or steps)
    brief = [shortened(job, data, measured / steps) for job in jobs]
    share = len(epoch_batches(brief[0], spec.training, data, 1)) / steps
    one, three = (
        measure_ours(spec, data, brief, stage.model_copy(update={"epochs": n, "iterations": 1}))
        for n in (1, 3)
    )
    what = f"{len(stage.frozen)} parts still" if stage.frozen else "whole network"
    # The difference is without what a call costs once, as the plain steps are.
    return Part(f"{what}, {epochs} epochs", (three - one) / 2 / share, plain_s, epochs)


def shortened(job: FitJob, data: TrainingData, share: float) -> FitJob:
    """A job with that share of its clips of every class."""
    if share >= 1:
        return job
    train = np.asarray(job.train)
    kept = []
    for number in range(data.num_classes):
        own = train[data.targets[train] == number]
        kept += own[: max(1, math.ceil(share * len(own)))].tolist()
    return replace(job, train=tuple(sorted(kept)))


def measure_machines(spec: NetworkSpec, data: TrainingData, jobs: list[FitJob]) -> Part:
    """The machines of one fold per worker at once, and of one fold alone, on random features."""
    width = pretrained_network(spec)[1].get_submodule("head")[1].in_features
    rows = training_rows(jobs[0], spec.training, data)
    rng = np.random.default_rng(0)
    subjects = tuple(f"p{i % 67}" for i in range(len(jobs[0].train)))
    place = {clip: number for number, clip in enumerate(jobs[0].train)}
    examples = Examples(
        inputs=rng.normal(size=(len(rows), width)).astype(np.float32),
        targets=data.targets[rows % data.clips],
        clips=np.array([place[int(row) % data.clips] for row in rows]),
        subjects=subjects,
    )
    started = time.perf_counter()
    fit_svm(spec.training.svm, examples)
    alone = time.perf_counter() - started
    run = Parallel(n_jobs=len(jobs), backend="threading")
    started = time.perf_counter()
    run(delayed(fit_svm)(spec.training.svm, examples) for _ in jobs)
    return Part("support vector machine", time.perf_counter() - started, alone, 1.0)


def make_jobs(clips: int, count: int) -> list[FitJob]:
    """One fold per worker, each without six or seven clips."""
    test = tuple(range(clips - 7, clips))
    return [
        FitJob(subject_id=f"random/p{number}", seed=0, train=tuple(range(clips - 7)), predict=test)
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
    training = spec.training.model_copy(update={"stages": (stage,), "classifier": "head"})
    own = spec.model_copy(update={"training": training})
    prefix = frozen_prefix_of(own)
    if prefix is not None:  # as made by the measured function; its time is counted apart
        data = replace(data, features=_blank_features(own, data, prefix))
    # As the whole method is planned: with its second stage, folds run side by side.
    resources = Resources(device="cpu", workers=len(jobs), strategy="side_by_side")
    plan = plan_run(own, jobs, resources)
    jobs = [replace(job, predict=()) for job in jobs]
    brief = [replace(job, train=job.train[:32]) for job in jobs]
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


def _blank_features(spec: NetworkSpec, data: TrainingData, prefix: FrozenPrefix) -> FloatArray:
    """Maps of the frozen prefix for every sample, all of them zero."""
    model = pretrained_network(spec)[1].eval()
    with torch.no_grad():
        one = prefix.first_parts(model)(torch.from_numpy(data.inputs[:1]))
    rows = len(Rows(data, spec.training, "cpu"))
    return np.zeros((rows, *one.shape[1:]), dtype=np.float32)


def measure_plain(spec: NetworkSpec, data: TrainingData, stage: Stage, size: int) -> float:
    """Seconds of one step of a stage in a plain loop."""
    network = pretrained_network(spec)
    let_move(network, network[1], stage)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=1e-4)
    times = []
    for step in range(PLAIN_STEPS):
        rows = np.arange(step * size, (step + 1) * size) % data.clips
        started = time.perf_counter()
        inputs, targets = torch.from_numpy(data.inputs[rows]), torch.from_numpy(data.targets[rows])
        set_learning(network, network[1], stage)
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
        rounds = 1 if part.once else options.folds / workers
        ours = part.ours_s * part.units * rounds
        plain = (part.plain_s or 0.0) * part.units * options.folds
        rows.append((part.name, ours, plain))
    rows.append(("together", *(sum(row[column] for row in rows) for column in (1, 2))))
    unit, seconds = ("hours", 3600) if rows[-1][2] >= 3600 else ("minutes", 60)
    lines = [
        f"# {options.method}: all folds, the method's whole schedule",
        "",
        f"`python benchmarks/transfer.py --method {options.method} --clips {options.clips} --folds "
        f"{options.folds} --steps {options.steps}`: {workers} cores, {platform.machine()}, torch "
        f"{version('torch')}, {size}x{size} pixels, load before {LOAD_BEFORE:.1f}.",
        "",
        "Measured: " + "; ".join(map(_measured, parts)) + ".",
        "",
        f"Projected from it to {options.folds} folds, no epoch stopped early:",
        "",
        f"| part | OpenMER, {unit} | plain loop, {unit} | ratio |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {name} | {ours / seconds:.2f} | {plain / seconds:.2f} | {_ratio(plain, ours)} |"
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
    if part.once:
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
