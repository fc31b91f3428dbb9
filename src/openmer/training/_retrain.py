"""Folds that are trained again on all their training clips, for the epochs that were chosen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from openmer.training._config import NetworkTraining, Stage
from openmer.training._folds import FitJob, FitResult
from openmer.training._network import NetworkSpec

S = TypeVar("S")
Results = Iterable[tuple[int, FitResult]]
Groups = Sequence[tuple[S, Sequence[FitJob]]]


def retrained(
    groups: Groups[S], fit: Callable[[Groups[S]], Results]
) -> Generator[tuple[int, FitResult], None, None]:
    """Train groups of jobs; those with a `whole` again, by the number of epochs that they chose.

    Args:
        groups: As `openmer.training.fit_groups` takes them.
        fit: Trains groups once.

    Yields:
        As `fit_groups`; of a job that was trained again the second result, as its own.
    """
    chosen: dict[tuple[int, int], list[FitResult]] = defaultdict(list)
    for number, result in fit(groups):
        if result.job.whole is None:
            yield number, result
        else:
            chosen[number, result.epoch].append(result)
    again = list(chosen.items())
    short: list[tuple[S, Sequence[FitJob]]] = []
    asked: dict[tuple[int, str, int], FitResult] = {}
    for place, ((number, epoch), first) in enumerate(again):
        jobs = [result.job for result in first]
        wholes = [
            replace(job.whole, predict=job.predict, keep_state=job.keep_state)
            for job in jobs
            if job.whole
        ]
        short.append((_within(groups[number][0], epoch), wholes))
        asked |= {(place, one.job.subject_id, one.job.seed): one for one in first}
    for place, result in fit(short) if short else ():
        one = asked[place, result.job.subject_id, result.job.seed]
        number, epoch = again[place][0]
        yield number, replace(result, job=one.job, epoch=epoch, thresholds=one.thresholds)


def _within(spec: S, epochs: int) -> S:
    """Return a network's specification whose budget ends with an epoch of the old one."""
    if not isinstance(spec, NetworkSpec):
        return spec
    kept: list[Stage] = []
    for stage in spec.training.all_stages:
        left = epochs - sum(one.epochs for one in kept)
        if left > 0:
            budget = {"iterations": 1, "epochs": min(stage.epochs, left)}
            kept.append(stage.model_copy(update=budget))
    return spec.model_copy(update={"training": _with(spec.training, tuple(kept))})


def _with(training: NetworkTraining, stages: tuple[Stage, ...]) -> NetworkTraining:
    if not training.stages:
        return training.model_copy(update={"epochs": stages[0].epochs})
    return training.model_copy(update={"stages": stages})
