"""Evaluate a method: train every fold at once and store predictions fold by fold."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from openmer.clip import Clip, Prediction
from openmer.datasets import UNIT_SCHEME, ClipSource
from openmer.evaluation._experiment import Progress, Protocol, Task, fold_jobs, prepare_task
from openmer.evaluation._predictions import UNITS, write_predictions
from openmer.evaluation._seen_subjects import refuse_searched
from openmer.evaluation._unit_predictions import known_units, unit_predictions
from openmer.evaluation._write_run import (
    RunProgress,
    read_record,
    recorded_plan,
    run_folder,
    write_record,
)
from openmer.evaluation.tuning._groups import SearchRun
from openmer.evaluation.tuning._search import fit_folds
from openmer.files import safe_name
from openmer.methods import Method
from openmer.preprocessing import ArrayCache, OnFailure
from openmer.training import FitJob, FitResult, NetworkSpec, Resources, fit_carrying, plan_run


def evaluate(
    method: Method,
    clips: Sequence[Clip] | ClipSource,
    protocol: Protocol,
    *,
    out: Path,
    resources: Resources | None = None,
    command: str = "",
    on_failure: OnFailure = "list",
    on_progress: Progress | None = None,
) -> Path:
    """From clips to a finished run: `prepare_task`, then `cross_validate`, with the arrays cached.

    Args:
        method: The method.
        clips: From a dataset reader or a manifest; a `ClipSource` is recorded with the run.
        protocol: Epoch rule and seeds.
        out: Where runs are kept.
        resources: Device, processes, memory.
        command: The command line, for the record.
        on_failure: "list" leaves out clips that cannot be prepared, and the run says so wherever
            its scores are shown; "error" stops at the first one.
        on_progress: Called with "prepare" or "train", what is done, and of how much.

    Returns:
        The run's folder.
    """
    resources = resources or Resources()
    task = prepare_task(
        method,
        clips,
        protocol=protocol,
        cache=ArrayCache(),
        workers=resources.workers,
        on_failure=on_failure,
        on_progress=on_progress,
    )
    return cross_validate(
        task, protocol, out=out, resources=resources, command=command, on_progress=on_progress
    )


def cross_validate(
    task: Task,
    protocol: Protocol,
    *,
    out: Path,
    resources: Resources | None = None,
    command: str = "",
    storage: str = "",
    on_progress: Progress | None = None,
    on_fold: Callable[[FitResult], None] | None = None,
) -> Path:
    """Train what is not yet done and store it; an interrupted run goes on where it stopped.

    Args:
        task: From `prepare_task`, with the same protocol.
        protocol: Epoch rule and seeds.
        out: Where runs are kept; this one goes to ``out/<method>/<hash>``.
        resources: Device, processes, memory; not used for the rest of a run that has begun.
        command: The command line, for the record.
        storage: URL of the trials of searches; by default a file in the run's folder.
        on_progress: Called with "train", folds done and folds in all; before, where the method has
            a search, with "search" and trials.
        on_fold: Called with each fold that is trained now, once its predictions are stored.

    Returns:
        The run's folder, with ``run.toml`` and ``folds/seed<n>/<corpus>/<subject>.parquet``
        (``folds/seed<n>/kfold/1.parquet`` and the like for groups), beside classes also
        ``action_units/folds/...``, with a row for each clip and unit; of searches
        ``search/history.csv`` and ``search/seed<n>/<corpus>/<subject>.json``.

    Raises:
        ProtocolError: Clips of tested subjects chose the method's settings before.
    """
    refuse_searched(task.method, task.tested_subjects, task.clips)
    folder = run_folder(task, protocol, out)
    jobs = [job for seed in protocol.seeds for job in fold_jobs(task, protocol.epoch_rule, seed)]
    pending = [job for job in jobs if not _is_stored(folder, task, job)]
    done = len(jobs) - len(pending)
    report = on_progress or (lambda *_: None)
    report("train", done, len(jobs))
    record = read_record(folder)
    known = record.get("run", {})
    if not pending and set(protocol.seeds) <= set(known.get("seeds", [])):
        return folder
    one_seed = fold_jobs(task, protocol.epoch_rule, protocol.seeds[0])
    plan = recorded_plan(record) or plan_run(task.spec, one_seed, resources or Resources())
    progress = RunProgress.going_on(known, command)
    write_record(folder, task, protocol, plan, progress)
    started = time.perf_counter()
    how = SearchRun(
        epoch_rule=protocol.epoch_rule,
        plan=plan,
        resources=resources or Resources(),
        folder=folder,
        storage=storage,
        on_progress=on_progress,
    )
    if protocol.leak == "carried_weights" and isinstance(task.spec, NetworkSpec):
        trained = fit_carrying(jobs, task.spec, task.data, plan)
        done = 0
    else:
        trained = fit_folds(task, pending, how)
    with closing(trained) as results:
        for result in results:
            _write(folder, task, result)
            if on_fold is not None:
                on_fold(result)
            done += 1
            report("train", done, len(jobs))
    finished = progress.with_seeds(protocol.seeds, time.perf_counter() - started)
    write_record(folder, task, protocol, plan, finished)
    return folder


def fold_path(folder: Path, job: FitJob) -> Path:
    """Return the file of one fold: its seed and its subject, unsafe characters encoded."""
    corpus, _, subject = job.subject_id.partition("/")
    name = f"{safe_name(subject)}.parquet"
    return folder / "folds" / f"seed{job.seed}" / safe_name(corpus) / name


def _is_stored(folder: Path, task: Task, job: FitJob) -> bool:
    """Whether a fold is done: its predictions are there, and those of its units beside classes."""
    if not fold_path(folder, job).is_file():
        return False
    units = known_units(task)
    if units is None or not task.data.num_classes or np.isnan(units[list(job.predict)]).all():
        return True
    return fold_path(folder / UNITS, job).is_file()


def _write(folder: Path, task: Task, result: FitResult) -> None:
    """Write the predictions of a fold; those of its classes last, which say that it is done."""
    path, units = fold_path(folder, result.job), unit_predictions(task, result)
    if task.data.num_classes == 0:
        write_predictions(path, units, UNIT_SCHEME.classes)
        return
    if units:
        write_predictions(fold_path(folder / UNITS, result.job), units, UNIT_SCHEME.classes)
    write_predictions(path, _predictions(task, result), task.scheme.classes)


def _predictions(task: Task, result: FitResult) -> Sequence[Prediction]:
    return [
        Prediction(
            clip=task.clips[i].key,
            corpus=task.clips[i].corpus,
            subject_id=task.clips[i].subject_id,
            truth=int(task.data.targets[i]),
            scores=tuple(float(score) for score in scores),
            seed=result.job.seed,
            epoch=result.epoch,
        )
        for i, scores in zip(
            result.job.predict, result.scores[:, : task.data.num_classes], strict=True
        )
    ]
