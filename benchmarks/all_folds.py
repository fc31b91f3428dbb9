"""Speed: all 68 folds of STSTNet by the authors' recipe, against a plain loop, in one run.

    python benchmarks/all_folds.py [--data ../shared/data/megc2019_flow.zip] [--epochs 800]

Times the plain eager loop of this package (PyTorch's own layers, one process) on a few epochs, then
the whole job as `openmer cross_validate ststnet-authors` runs it on this machine, then the plain
loop again; prints seconds, the ratio, and a profile of one step of each. Where the licensed flow is
missing, random maps of the same shapes stand in: the work is the same, and the table says so.
"""

from __future__ import annotations

import argparse
import platform
import time
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from machine import processor
from torch.profiler import ProfilerActivity, profile

from openmer.clip import Clip
from openmer.datasets import read_manifest
from openmer.evaluation import Protocol, Task, fold_jobs, prepare_task
from openmer.methods import load_method
from openmer.training import FitJob, Resources, fit_jobs, plan_run
from openmer.training._batches import epoch_batches
from openmer.training._loop import fit
from openmer.training._single import SingleLearner
from openmer.training._stacked import StackedLearner

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "shared" / "data" / "megc2019_flow.zip"


def main() -> None:
    """Measure and write benchmarks/results/all_folds.md."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--epochs", type=int, default=800)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--workers", type=int, default=0)
    arguments = parser.parse_args()
    lines = [f"Python {platform.python_version()}, PyTorch {torch.__version__}, {processor()}"]
    with TemporaryDirectory() as folder:
        task, source = _task(arguments.data, Path(folder), arguments.epochs)
    lines.append(f"Input: {source}; {len(task.folds)} folds, {arguments.epochs} epochs.")
    jobs = fold_jobs(task, "fixed", 0)
    plain = [_plain_seconds_per_epoch(task, jobs, arguments.device)]
    resources = Resources(device=arguments.device, workers=arguments.workers, compiled="auto")
    plan = plan_run(task.spec, jobs, resources)
    started = time.perf_counter()
    done = sum(1 for _ in fit_jobs(jobs, task.spec, task.data, plan))
    seconds = time.perf_counter() - started
    plain.append(_plain_seconds_per_epoch(task, jobs, arguments.device))
    projected = min(plain) * len(jobs) * arguments.epochs
    lines += [
        "",
        "| what | seconds | of the plain loop |",
        "| --- | ---: | ---: |",
        f"| plain eager loop, one process, one thread (projected from {_EPOCHS} epochs of "
        f"{_FOLDS} folds, twice) | {projected:.0f} | 1 |",
        f"| `openmer cross_validate ststnet-authors` ({plan.strategy}, {plan.workers} workers, "
        f"compiled {plan.compiled}), {done} folds, measured whole | {seconds:.0f} | "
        f"1/{projected / seconds:.1f} |",
        "",
    ]
    for compiled in (False, True) if arguments.device == "cpu" else (False,):
        lines += [f"One step of 256 clips, {'compiled' if compiled else 'eager'}:", "```text"]
        lines += [_profile(task, jobs[0], arguments.device, compiled=compiled), "```", ""]
    text = "\n".join(lines)
    print(text)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / f"all_folds_{arguments.device}.md").write_text(text + "\n", encoding="utf-8")


_EPOCHS, _FOLDS = 6, 3


def _plain_seconds_per_epoch(task: Task, jobs: list[FitJob], device: str) -> float:
    """Fastest of a few folds, so that a busy moment does not count."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    training = task.spec.training.model_copy(update={"epochs": _EPOCHS})
    spec = task.spec.model_copy(update={"training": training})
    learner = SingleLearner(spec, task.data, device=device, compiled=False)
    seconds = []
    for job in jobs[: _FOLDS + 1]:
        started = time.perf_counter()
        fit([job], learner, training, task.data)
        seconds.append((time.perf_counter() - started) / _EPOCHS)
    torch.set_num_threads(threads)
    return min(seconds[1:])  # the first one warms up


def _profile(task: Task, job: FitJob, device: str, *, compiled: bool) -> str:
    """Where the time of a step goes, by operation."""
    if device == "cuda":
        learner: SingleLearner | StackedLearner = StackedLearner(
            task.spec, task.data, device=device
        )
    else:
        learner = SingleLearner(task.spec, task.data, device=device, compiled=compiled)
    learner.begin([job])
    torch.set_num_threads(1)
    rows = epoch_batches(job, task.spec.training, task.data, 1)[:1]
    for number in range(5):
        learner.step(rows, (1, number))
    activities = [ProfilerActivity.CPU]
    if device == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as record:
        for number in range(10):
            learner.step(rows, (2, number))
    events = [event for event in record.key_averages() if event.self_cpu_time_total > 0]
    total = sum(event.self_cpu_time_total for event in events)
    top = sorted(events, key=lambda event: -event.self_cpu_time_total)[:8]
    rows_of_text = [f"{'ms a step':>10}  {'share':>6}  operation"]
    rows_of_text.append(f"{total / 1e4:10.2f}  {'100 %':>6}")
    for event in top:
        share = event.self_cpu_time_total / total
        name = event.key if len(event.key) < 70 else event.key[:67] + "..."
        rows_of_text.append(f"{event.self_cpu_time_total / 1e4:10.2f}  {share:6.1%}  {name}")
    return "\n".join(rows_of_text)


def _task(data: Path, folder: Path, epochs: int) -> tuple[Task, str]:
    method = load_method("ststnet-authors", [f"training.epochs={epochs}"])
    if data.is_file():
        with zipfile.ZipFile(data) as packed:
            packed.extractall(folder)
        clips, source = read_manifest(folder / "samples.csv"), "the real flow of the 442 clips"
    else:
        clips, source = _stand_ins(folder), "random maps in the shapes of the 442 clips"
    return prepare_task(method, clips, protocol=Protocol(), workers=1), source


def _stand_ins(folder: Path) -> list[Clip]:
    """442 random flow images of 68 subjects."""
    from PIL import Image

    rng = np.random.default_rng(0)
    clips = []
    for i in range(442):
        path = folder / f"{i}.png"
        Image.fromarray(rng.integers(0, 256, (28, 28, 3), dtype=np.uint8)).save(path)
        word = ("negative", "positive", "surprise")[i % 3]
        clips.append(
            Clip(corpus="random", subject=f"s{i % 68}", name=f"c{i}", emotion=word, flow_path=path)
        )
    return clips


if __name__ == "__main__":
    main()
