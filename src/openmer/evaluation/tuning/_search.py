"""Searches of hyperparameters: inside every fold, or on everybody where nothing is reported.

A search sees the fold's training subjects only. They are dealt into groups; a trial trains on all
groups but one and is scored on that one, for each in turn. Every number that is reported comes from
folds whose held-out subject was in none of it, and `openmer audit` proves it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from openmer.errors import ConfigError
from openmer.evaluation._experiment import Progress, Task, fold_job
from openmer.evaluation._seen_subjects import content_of
from openmer.evaluation._splits import Fold, groups_inside
from openmer.evaluation._unit_predictions import require_classes
from openmer.evaluation.tuning._groups import FoldGroups, SearchRun
from openmer.evaluation.tuning._record import (
    FOLDER,
    Choice,
    read_choice,
    write_choice,
    write_history,
)
from openmer.methods import Method, with_settings
from openmer.training import (
    EpochRule,
    FitJob,
    FitResult,
    Resources,
    RunPlan,
    Search,
    Searched,
    fit_jobs,
    generator,
    plan_run,
)

EVERYBODY = "everybody"  # names the search; no subject is called so, for it has no corpus


def fit_folds(
    task: Task, jobs: Sequence[FitJob], how: SearchRun
) -> Generator[FitResult, None, None]:
    """Train folds of a task, each with the settings that its own search chose, if there is one.

    Yields:
        Results as they finish, in no promised order.
    """
    if task.method.search is None or not jobs:
        yield from fit_jobs(jobs, task.spec, task.data, how.plan)
        return
    folds = {fold.held_out: fold for fold in task.folds}
    choices = search_folds(task, [(job.seed, folds[job.subject_id]) for job in jobs], how)
    groups, chosen = FoldGroups(task, how), {}
    for job, choice in zip(jobs, choices, strict=True):
        search = f"seed{job.seed}/{job.subject_id}"
        groups.add(choice.settings, folds[job.subject_id], job.seed, asked=job, apart=search)
        chosen[job.seed, job.subject_id] = choice.settings
    with closing(groups.fit()) as results:
        for _, result in results:
            yield replace(result, settings=chosen[result.job.seed, result.job.subject_id])


def search_folds(task: Task, wanted: Sequence[tuple[int, Fold]], how: SearchRun) -> list[Choice]:
    """Search for every seed and fold, all of them at once; what is done is read from its file.

    Returns:
        What each chose, in the order of `wanted`.

    Raises:
        ConfigError: The method has no search, settings do not go together, or the URL of the
            storage is none.
        DataError: The storage cannot be reached.
        ProtocolError: A fold trains on one subject only.
    """
    search = _search_of(task.method)
    found: dict[tuple[int, str], Choice] = {}
    for seed, fold in wanted:
        known = read_choice(how.folder, seed, fold.held_out) if how.folder else None
        if known is not None:
            found[seed, fold.held_out] = known
    asked = {(seed, fold.held_out): (seed, fold) for seed, fold in wanted}  # each once
    left = [pair for key, pair in asked.items() if key not in found]
    with closing(_search(task, search, left, how)) as choices:
        for choice in choices:
            found[choice.seed, choice.subject_id] = choice
            if how.folder is not None:
                write_choice(how.folder, choice)
    if how.folder is not None:
        write_history(how.folder, search)
    return [found[seed, fold.held_out] for seed, fold in wanted]


def _search(
    task: Task, search: Search, wanted: Sequence[tuple[int, Fold]], how: SearchRun
) -> Generator[Choice, None, None]:
    """Search for all that is wanted; Optuna is loaded only where something is."""
    if not wanted:
        return
    from openmer.evaluation.tuning._loop import SearchTarget, run_searches
    from openmer.evaluation.tuning._storage import TrialBook

    targets = [
        SearchTarget(seed=seed, fold=fold, inner=inner_folds(task, fold, seed))
        for seed, fold in wanted
    ]
    if how.folder is not None:
        (how.folder / FOLDER).mkdir(parents=True, exist_ok=True)
    with TrialBook(search, how.question, how.url) as book:
        yield from run_searches(task, search, targets, book, how)


def inner_folds(task: Task, fold: Fold, seed: int) -> tuple[Fold, ...]:
    """Deal a fold's training subjects into the groups that its search scores on."""
    search = _search_of(task.method)
    return groups_inside(
        fold,
        task.subjects,
        task.data.targets.tolist(),
        groups=search.inner_folds,
        rng=generator(seed, fold.held_out, "search persons", search.seed),
    )


def settled(
    task: Task,
    fold: Fold,
    *,
    epoch_rule: EpochRule,
    seed: int = 0,
    resources: Resources | None = None,
    folder: Path | None = None,
    storage: str = "",
    on_progress: Progress | None = None,
) -> Task:
    """Replace the search of a task by what it chose for one fold; a task without one stays.

    Its method names the subjects whose clips chose.

    Args:
        task: The task.
        fold: Whose training subjects are searched among; `everybody` for settings to be used.
        epoch_rule: Chooses the epoch of every trial.
        seed: Seed of the trainings.
        resources: Device, processes, memory.
        folder: The run's (see `openmer.evaluation.run_folder`), where trials are kept; None
            keeps none.
        storage: As in `SearchRun`.
        on_progress: As in `SearchRun`.

    Raises:
        ConfigError: As `search_folds`; likewise the others.
    """
    if task.method.search is None:
        return task
    resources = resources or Resources()
    how = SearchRun(
        epoch_rule=epoch_rule,
        plan=_plan(task, fold, epoch_rule, resources),
        resources=resources,
        folder=folder,
        storage=storage,
        on_progress=on_progress,
    )
    (choice,) = search_folds(task, [(seed, fold)], how)
    return replace(task, method=_settled_method(task, fold, choice))


def _settled_method(task: Task, fold: Fold, choice: Choice) -> Method:
    """Return the method with the settings of one search, and the record of whose clips chose."""
    search = _search_of(task.method)
    searched = Searched(
        subjects=tuple(sorted({task.subjects[i] for i in fold.train})),
        clips=len(fold.train),
        sampler=search.sampler,
        trials=len(choice.trials),
        score=search.score,
        inner_score=choice.score,
        inner_folds=len(choice.groups),
        seed=choice.seed,
        settings=choice.settings,
        contents=tuple(sorted({content_of(task.clips[i]) for i in fold.train} - {""})),
    )
    return with_settings(task.method, choice.settings).model_copy(update={"searched": searched})


def everybody(task: Task) -> Fold:
    """All clips as training clips; nobody is held out, so nothing can be reported."""
    return Fold(held_out=EVERYBODY, train=tuple(range(len(task.clips))), test=(0,))


def _plan(task: Task, fold: Fold, epoch_rule: EpochRule, resources: Resources) -> RunPlan:
    """How one search runs, decided as if all its trainings were folds of one run."""
    search = _search_of(task.method)
    job = fold_job(task, fold, epoch_rule, seed=0)
    return plan_run(task.spec, [job] * (search.places * search.inner_folds), resources)


def _search_of(method: Method) -> Search:
    require_classes(method)
    if method.search is None:
        raise ConfigError(
            f"Method {method.name} has no [search]. Add one to its file, or give --search FILE."
        )
    return method.search
