"""Try the declared ideas of benchmarks/declarations.md that need more than a method's settings.

    python benchmarks/ideas.py [--data ../shared/data/megc2019_flow.zip] [--only NAME ...]

Scores each idea by subjects and by corpora on the real flow of the 442 clips, seed 0, and writes
benchmarks/results/ideas.csv: UF1 with its 95 % interval by subjects, and the processor seconds.
The data is licensed and not in this repository; the script says so and stops where it is missing.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from default_robustness import USUAL_PX, _stills
from numpy.typing import NDArray
from real_flow import DATA, unpacked
from sklearn.svm import SVC

from openmer.cli._console import output
from openmer.datasets import label_scheme, read_manifest
from openmer.datasets.synthetic._clips import generate
from openmer.datasets.synthetic._plan import CorpusPlan, Part
from openmer.evaluation import Protocol, Task, confusion_matrix, fold_jobs, prepare_task, uf1
from openmer.methods import Method, load_method
from openmer.training import (
    Feature,
    FitJob,
    KernelTraining,
    Resources,
    TrainingData,
    fit_jobs,
    fit_kernel,
    plan_run,
    trained_network,
)
from openmer.training import _kernel as kernels
from openmer.training._kernel_module import both_sides, feature_vectors

TABLE = Path(__file__).parent / "results" / "ideas.csv"
PIXELS = Feature(maps="centered", size=14, power=True)
BANDS = 3
DRAWN_SUBJECTS, DRAWN_CLIPS = 100, 10
DRAWS = 1000
ALONE = Resources(device="cpu", workers=1, compiled="never")

Numbers = NDArray[np.float64]
Scorer = Callable[[Task, FitJob], Numbers]


def main() -> None:
    """Run the ideas asked for and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path("runs/real-flow"))
    parser.add_argument("--only", nargs="*", choices=IDEAS, default=list(IDEAS))
    arguments = parser.parse_args()
    if not arguments.data.is_file():
        sys.exit(f"The real flow is not at {arguments.data}: nothing was measured. Give --data.")
    clips = read_manifest(unpacked(arguments.data, arguments.out))
    rows = []
    for name in arguments.only:
        for folds in ("loso", "loco"):
            start, protocol = time.process_time(), Protocol(folds=folds)
            task = prepare_task(load_method("flow-kernel"), clips, protocol=protocol, workers=1)
            score, low, high = _scored(task, IDEAS[name](task))
            numbers = [f"{one:.4f}" for one in (score, low, high)]
            rows.append([name, folds, *numbers, f"{time.process_time() - start:.0f}"])
            output.print(" ".join(rows[-1]))
    if list(arguments.only) == list(IDEAS):
        with TABLE.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["idea", "folds", "uf1", "low", "high", "cpu_s"])
            writer.writerows(rows)


def _scored(task: Task, scorer: Scorer) -> tuple[float, float, float]:
    """UF1 of all folds, and its 95 % interval: whole subjects are drawn with replacement."""
    truth, said = task.data.targets, np.empty(task.data.clips, dtype=np.int64)
    for job in fold_jobs(task, "fixed", 0):
        said[list(job.predict)] = scorer(task, job).argmax(axis=1)
    names, number = np.unique(task.subjects, return_inverse=True)
    counts = np.zeros((len(names), 3, 3), dtype=np.int64)
    np.add.at(counts, (number, truth, said), 1)
    rng = np.random.default_rng(0)
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    drawn = uf1(np.tensordot(times, counts, axes=1))
    low, high = np.quantile(drawn, [0.025, 0.975])
    whole = confusion_matrix(truth, said, num_classes=3)
    return float(uf1(whole)), float(low), float(high)


class _OtherGram(kernels._Gram):
    """Kernels of other vectors; those of a clip depend on nothing but the clip.

    Args:
        inputs: Recovered flow.
        training: Of `flow-kernel`.
        parts: One function per kernel, from flow and a reach to vectors at few and many shifts.
    """

    def __init__(self, inputs, training, parts) -> None:  # noqa: ANN001
        self._flow = torch.from_numpy(np.array(inputs, dtype=np.float32))
        self._training = SimpleNamespace(features=parts, widths=training.widths)
        self._distances = [self._mean_squares(part) for part in parts]
        self._known = {}

    def _vectors(self, feature):  # noqa: ANN001, ANN202
        return feature(self._flow)


def _with_kernels(parts: Callable[[KernelTraining], list[Callable]]) -> Callable[[Task], Scorer]:
    """The scorer of `flow-kernel` with kernels of its own."""

    def made(task: Task) -> Scorer:
        training = load_method("flow-kernel").training
        gram = _OtherGram(task.data.inputs, training, parts(training))

        def score(task: Task, job: FitJob) -> Numbers:
            usual, kernels._gram = kernels._gram, lambda *_: gram
            try:
                return fit_kernel(job, training, task.data).scores
            finally:
                kernels._gram = usual

        return score

    return made


def _usual(feature: Feature, training: KernelTraining, rows: slice = slice(None)) -> Callable:
    """Vectors of a feature, or of some rows of its cells."""

    def vectors(flow: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        few = both_sides(flow, feature, training.own_shift)
        many = feature_vectors(flow, feature, training.shift)
        shape = (-1, feature.size, feature.size)
        return tuple(
            one.unflatten(2, shape)[..., rows, :].flatten(2).contiguous() for one in (few, many)
        )

    return vectors


def _bands(training: KernelTraining) -> list[Callable]:
    """Each feature in bands from the brows to the mouth."""
    made = []
    for feature in training.features:
        ends = np.linspace(0, feature.size, BANDS + 1).round().astype(int)
        bands = [slice(int(a), int(b)) for a, b in itertools.pairwise(ends)]
        made += [_usual(feature, training, band) for band in bands]
    return made


def _fine(training: KernelTraining) -> list[Callable]:
    """The features of 14 cells at 28."""
    sizes = [{"size": 28} if one.size == 14 else {} for one in training.features]
    pairs = zip(training.features, sizes, strict=True)
    return [_usual(one.model_copy(update=size), training) for one, size in pairs]


def _jittered(task: Task) -> Scorer:
    """`flow-svm`, each training clip twice more with a tenth of another one of its subject."""
    subjects = np.array(task.subjects)
    flow = torch.from_numpy(task.data.inputs)
    usual = both_sides(flow, PIXELS, 0).numpy()  # as it is, and flipped

    def score(task: Task, job: FitJob) -> Numbers:
        rng = np.random.default_rng(0)
        train = np.array(job.train)
        others = [rng.choice(train[subjects[train] == subjects[i]], 2) for i in train]
        moved = flow[train][:, None] + 0.1 * flow[np.array(others)]
        more = both_sides(moved.flatten(0, 1), PIXELS, 0).numpy()
        examples = np.concatenate([usual[train].reshape(-1, usual.shape[2]), *more.swapaxes(0, 1)])
        own = task.data.targets[train]
        targets = np.concatenate([np.repeat(own, 2), np.repeat(own, 2), np.repeat(own, 2)])
        machine = SVC(C=1.0, gamma="scale", class_weight="balanced").fit(examples, targets)
        return machine.decision_function(usual[list(job.predict), 0])

    return score


def _drawn_knowledge(training: KernelTraining) -> list[Callable]:
    """The usual features, and what a network says that learned from drawn movements alone."""
    network = _drawn_network()

    def told(flow: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        sides = both_sides(flow, PIXELS, 0)
        few, many = (network(one.flatten(0, 1)) for one in (sides, sides[:, :1]))
        return few.unflatten(0, (-1, 2)), many[:, None]

    return [*(_usual(one, training) for one in training.features), told]


def _drawn_network() -> Callable[[torch.Tensor], torch.Tensor]:
    """`flow-mlp` on drawn clips: pixels of centred flow to logarithms of probabilities."""
    method = load_method("flow-mlp", ["training.standardize=false", "training.flip_probability=0"])
    inputs, targets = _drawn_clips(method)
    data = TrainingData(inputs=inputs, targets=targets, num_classes=3)
    job = FitJob(
        subject_id="drawn", seed=0, train=tuple(range(len(inputs))), predict=(0,), keep_state=True
    )
    spec = method.network_spec(3, inputs.shape[1:])
    (result,) = fit_jobs([job], spec, data, plan_run(spec, [job], ALONE))
    state = {name: torch.tensor(value) for name, value in result.state.items()}
    network = trained_network(spec, state).eval()

    @torch.inference_mode()
    def told(pixels: torch.Tensor) -> torch.Tensor:
        return torch.log_softmax(network(pixels.reshape(-1, 3, 14, 14)), dim=1)

    return told


def _drawn_clips(method: Method) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Flow of drawn movements with known action units, and their classes."""
    part = Part(
        corpus="drawn",
        subjects=tuple(f"s{number:03}" for number in range(DRAWN_SUBJECTS)),
        fps=Fraction(60),
        movement_frames=(12, 30),
    )
    plan = CorpusPlan(
        parts=(part,), clips_per_subject=DRAWN_CLIPS, frame_size=320, amplitude_px=(1.0, 6.0)
    )
    scheme = label_scheme(method.label_scheme)
    inputs, targets = [], []
    with tempfile.TemporaryDirectory() as folder:
        for made in generate(plan):
            clip = _stills(made, 0, USUAL_PX, np.random.default_rng(0), Path(folder))
            inputs.append(method.steps.run(replace(clip, name=made.clip.name)))
            targets.append(scheme.classes.index(scheme.words[made.clip.emotion.lower()]))
    return np.stack(inputs), np.array(targets)


IDEAS: dict[str, Callable[[Task], Scorer]] = {
    "grid-28": _with_kernels(_fine),
    "bands": _with_kernels(_bands),
    "jitter": _jittered,
    "drawn": _with_kernels(_drawn_knowledge),
}


if __name__ == "__main__":
    main()
