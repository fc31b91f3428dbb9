"""HTNet and RRMFNet at their full published width on the real flow, with a shortened budget.

    python benchmarks/full_width.py [--data ../shared/data/megc2019_flow.zip] [--only htnet ...]
    python benchmarks/full_width.py --table

Subjects are dealt to 6 groups, each held out once; one seed, CPU, one thread. One training of each
network and fold gives three rows, since its weights at an epoch are those of a training that ends
there: "fixed" takes the last epoch, "held out (LEAKY)" the epoch of the group's highest accuracy,
and "held out by subject (LEAKY)" that of each tested subject's own. A second training, without a
fifth of its subjects, gives "inner". Resumable: finished folds are kept under --out. The data is
licensed and not in this repository; predictions stay in --out and are never committed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from machine import processor
from numpy.typing import NDArray
from real_flow import DATA, HERE, unpacked

from openmer.clip import Prediction
from openmer.datasets import read_manifest
from openmer.evaluation import PredictionTable, Protocol, Task, fold_job, prepare_task
from openmer.evaluation._bootstrap import estimate_scores, outcomes_of
from openmer.files import replace_file, temporary_folder
from openmer.methods import load_method
from openmer.training import FloatArray, IntArray
from openmer.training._loop import fit
from openmer.training._single import SingleLearner

STARTED = time.monotonic()
GROUPS = "kfold:6"
_HTNET = ("model.parameters.dead_weights=false", "training.epochs=8", "training.batch_size=32",
          "training.order=shuffled")  # fmt: skip
_RRMFNET = ("model.parameters.width=1.0", "training.epochs=4")
NETWORKS = {  # title, method, what is changed of it, and what the table says of that
    "htnet": ("HTNet", "htnet", _HTNET, "8 epochs in place of 800; batches of 32, shuffled"),
    "rrmfnet": (
        "RRMFNet, flow alone",
        "rrmfnet-tiny",
        (*_RRMFNET, "training.perturb.every=0"),
        "4 epochs in place of 110; resized to 28 in place of 112",
    ),
    "htnet-pt": (
        "HTNet + PT",
        "htnet",
        (*_HTNET, "training.perturb.every=3"),
        "as above; every 3rd epoch perturbed in place of every 20th",
    ),
    "rrmfnet-pt": (
        "RRMFNet + PT, flow alone",
        "rrmfnet-tiny",
        (*_RRMFNET, "training.perturb.every=2"),
        "as above; every 2nd epoch perturbed in place of every 20th",
    ),
}
RULES = ("fixed", "inner", "held out (LEAKY)", "held out by subject (LEAKY)")


class Watching(SingleLearner):
    """A learner that keeps the scores of its validation clips after each epoch."""

    def begin(self, jobs: Sequence) -> None:
        """Begin a job with nothing kept."""
        super().begin(jobs)
        self.seen: list[FloatArray] = []

    def scores(self, rows: Sequence[IntArray]) -> list[FloatArray]:
        """Scores of clips, kept."""
        found = super().scores(rows)
        self.seen.append(found[0])
        return found


def main() -> None:
    """Train what is missing and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path("runs/full-width"))
    parser.add_argument("--only", nargs="*", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--minutes", type=float, default=1e9, help="Begin no fold after these.")
    parser.add_argument("--table", action="store_true", help="Train nothing; write what is there.")
    arguments = parser.parse_args()
    if not arguments.data.is_file():
        sys.exit(f"The real flow is not at {arguments.data}: nothing was measured. Give --data.")
    torch.set_num_threads(1)
    clips = read_manifest(unpacked(arguments.data, arguments.out))
    tasks = {
        name: prepare_task(
            load_method(method, settings), clips, protocol=Protocol(folds=GROUPS), workers=1
        )
        for name, (_, method, settings, _) in NETWORKS.items()
    }
    for rule in () if arguments.table else ("held_out", "inner"):
        for name in arguments.only:
            _train(name, rule, tasks[name], arguments)
    _write(tasks, arguments.out)


def _train(name: str, rule: str, task: Task, arguments: argparse.Namespace) -> None:
    """Train the folds of a network that are not there yet."""
    learner = None
    for number, fold in enumerate(task.folds):
        path = arguments.out / f"{name}-{rule}-{number}.npz"
        if path.is_file() or time.monotonic() - STARTED > 60 * arguments.minutes:
            continue
        learner = learner or Watching(task.spec, task.data, device="cpu", compiled=False)
        started = time.process_time()
        (result,) = fit([fold_job(task, fold, rule, 0)], learner, task.spec.training, task.data)
        seconds = time.process_time() - started
        epochs = np.stack(learner.seen[: len(result.losses)]) if rule == "held_out" else ()
        with temporary_folder("openmer-full-width") as folder:
            np.savez(
                folder / "fold.npz",
                clips=np.array(fold.test),
                scores=result.scores,
                epochs=epochs,
                chosen=result.epoch,
                seconds=seconds,
            )
            replace_file(path, (folder / "fold.npz").read_bytes())
        losses = " ".join(f"{loss:.2f}" for loss in result.losses)
        print(f"{name}, {rule}, fold {number}: {seconds:.0f} s, losses {losses}", flush=True)


def _write(tasks: dict[str, Task], out: Path) -> None:
    lines = [
        "# Full published width on the real flow",
        "",
        f"`python benchmarks/full_width.py`: 442 clips, subjects in 6 groups, each held out once, "
        f"one seed. {processor()}, one thread, PyTorch {torch.__version__}. Budgets are cut as the "
        "last column says, so that all folds fit into an hour of one "
        "quiet core: these networks have learned less than in the papers. Intervals are 95 % "
        "bootstrap intervals by subjects. A training's "
        "seconds of processor are those of one fold, mean over the folds.",
        "",
        "| Network | Weights | Epoch rule | UF1 | UAR | Accuracy | Seconds | Budget |",
        "| --- | ---: | --- | --- | --- | --- | ---: | --- |",
    ]
    for name, task in tasks.items():
        title, _, _, budget = NETWORKS[name]
        found = list(_rows(name, task, out))
        lines += [
            f"| {title} | {task.parameters / 1e6:.1f} M | {rule} | {cells} | {seconds:.0f} | "
            f"{budget} |"
            for rule, cells, seconds in found
        ]
        missing = [rule for rule in RULES if rule not in {row[0] for row in found}]
        lines += [f"| {title} | | {rule} | not run | | | | |" for rule in missing]
    text = "\n".join([*lines, "", _LEAKY, ""])
    print(text)
    (HERE / "results" / "full_width.md").write_text(text, encoding="utf-8")


_LEAKY = (
    "**LEAKY**: the epoch is chosen by the score on the tested clips. By group one epoch serves "
    "about eleven subjects; by subject, as the papers' public scripts do it, each has its own."
)


def _rows(name: str, task: Task, out: Path) -> Iterator[tuple[str, str, float]]:
    """Rule, cells and seconds of a training, of each rule whose folds are all there."""
    for rule, trained in zip(RULES, ("held_out", "inner", "held_out", "held_out"), strict=True):
        paths = [out / f"{name}-{trained}-{number}.npz" for number in range(len(task.folds))]
        if not all(path.is_file() for path in paths):
            continue
        folds = [dict(np.load(path)) for path in paths]
        made = [one for fold in folds for one in _predictions(rule, fold, task)]
        table = PredictionTable.from_predictions(made, task.scheme.classes)
        scores = estimate_scores(outcomes_of(table))
        cells = " | ".join(
            f"{scores[key].value:.3f} ({scores[key].low:.3f}-{scores[key].high:.3f})"
            for key in ("uf1", "uar", "accuracy")
        )
        yield rule, cells, float(np.mean([fold["seconds"] for fold in folds]))


def _predictions(rule: str, fold: dict[str, NDArray], task: Task) -> Iterator[Prediction]:
    """What a rule takes of a fold's scores."""
    tested, truth = fold["clips"], task.data.targets[fold["clips"]]
    epochs = fold["epochs"]
    chosen = np.full(len(tested), int(fold["chosen"]))
    scores = fold["scores"]
    if rule == "fixed":
        chosen[:], scores = len(epochs), epochs[-1]
    elif rule == RULES[3]:
        right = epochs.argmax(2) == truth
        subjects = np.array([task.subjects[place] for place in tested])
        for subject in set(subjects):
            own = subjects == subject
            hits = right[:, own].sum(1)
            chosen[own] = np.flatnonzero(hits == hits.max())[-1] + 1
        scores = epochs[chosen - 1, np.arange(len(tested))]
    for place, epoch, own in zip(tested, chosen, scores, strict=True):
        clip = task.clips[place]
        yield Prediction(
            clip=clip.key,
            corpus=clip.corpus,
            subject_id=clip.subject_id,
            seed=0,
            truth=int(task.data.targets[place]),
            scores=tuple(map(float, own)),
            epoch=int(epoch),
        )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
