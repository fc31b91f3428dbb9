"""Trainings of folds whose settings differ, grouped by what is equal and run as one set."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from openmer.evaluation._experiment import Progress, Task, fold_job
from openmer.evaluation._splits import Fold
from openmer.evaluation.tuning._record import FOLDER, TRIALS
from openmer.methods import Method, with_settings
from openmer.training import (
    EpochRule,
    FitJob,
    FitResult,
    FloatArray,
    Resources,
    RunPlan,
    Settings,
    fit_groups,
    plan_run,
)

_BATCH_SIZE = "training.batch_size"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRun:
    """How searches run, and where what they find is kept.

    Attributes:
        epoch_rule: Chooses the epoch of every training, those of trials included.
        plan: How the folds are trained.
        resources: What trials may use.
        folder: The run's folder; None keeps nothing.
        storage: URL of the trials; by default a file in the folder.
        on_progress: Called with "search", trials done and trials in all.
        shared: Features that all trainings share, once they are made.
    """

    epoch_rule: EpochRule
    plan: RunPlan
    resources: Resources
    folder: Path | None = None
    storage: str = ""
    on_progress: Progress | None = None
    shared: dict[str, FloatArray | None] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Of the storage; "" is memory."""
        if self.storage or self.folder is None:
            return self.storage
        return f"sqlite:///{(self.folder / FOLDER / TRIALS).resolve().as_posix()}"

    @property
    def question(self) -> str:
        """Method and hash of the run, which name its studies in the storage."""
        return "memory" if self.folder is None else "/".join(self.folder.resolve().parts[-2:])


class FoldGroups:
    """Folds to train, each with settings of its own.

    Where trainings are stacked, the last bits of a model depend on how many are in its stack. So
    who is in a stack must never depend on what other folds chose: these know its held-out subject.

    Args:
        task: Their task.
        how: Epoch rule, plan, and features that are made already.
    """

    def __init__(self, task: Task, how: SearchRun) -> None:
        self._task, self._how = task, how
        self._tasks: dict[str, Task] = {}
        self._jobs: dict[str, list[FitJob]] = {}

    def add(
        self,
        settings: Settings,
        fold: Fold,
        seed: int,
        *,
        asked: FitJob | None = None,
        apart: str = "",
    ) -> str:
        """Add the training of one fold.

        Returns:
            The name of its group.

        Raises:
            ConfigError: The settings do not go together.
        """
        stacked = self._how.plan.strategy == "stacked"
        name = json.dumps([settings, apart if stacked else ""], sort_keys=True)
        if name not in self._tasks:
            method = with_settings(self._task.method, settings)
            self._tasks[name], self._jobs[name] = replace(self._task, method=method), []
        job = fold_job(self._tasks[name], fold, self._how.epoch_rule, seed)
        if asked is not None:
            job = replace(job, predict=asked.predict, keep_state=asked.keep_state)
        self._jobs[name].append(job)
        return name

    def fit(self) -> Generator[tuple[str, FitResult], None, None]:
        """Train all; yields the name of the group with each result, as they finish."""
        names = list(self._tasks)
        groups = [(self._tasks[name].spec, self._jobs[name]) for name in names]
        plan = self._plan()
        with closing(fit_groups(groups, self._task.data, plan, self._how.shared)) as results:
            for number, result in results:
                yield names[number], result

    def _plan(self) -> RunPlan:
        """As the folds of the run are trained, with room for the largest batch of the search.

        It depends on no choice; of stacks, which follow one another, on the largest one.
        """
        plan = self._how.plan
        fixed = self._how.resources.model_copy(
            update={
                "device": plan.device,
                "strategy": plan.strategy,
                "compiled": "always" if plan.compiled else "never",
            }
        )
        groups = list(self._jobs.values())
        jobs = [job for group in groups for job in group]
        if plan.strategy == "stacked":
            jobs = max(groups, key=len)
        return plan_run(
            replace(self._task, method=_largest_batch(self._task.method)).spec, jobs, fixed
        )


def _largest_batch(method: Method) -> Method:
    """Return the method with the largest batch that its search may try."""
    if method.search is None:
        return method
    tried = [value for key, value in method.search.extremes() if key == _BATCH_SIZE]
    sizes = [value for value in tried if isinstance(value, int)]
    return with_settings(method, {_BATCH_SIZE: max(sizes)}) if sizes else method
