"""The loop of searches: which trials are next, all folds at once, until every search is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from openmer.evaluation._experiment import Task
from openmer.evaluation._metrics import METRICS, confusion_matrix
from openmer.evaluation._splits import Fold
from openmer.evaluation.tuning._groups import FoldGroups, SearchRun
from openmer.evaluation.tuning._record import Choice, finite
from openmer.evaluation.tuning._sampling import Trial, best_trial, open_places, settings_of
from openmer.evaluation.tuning._storage import TrialBook
from openmer.training import FitResult, NetworkTraining, Search, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTarget:
    """One search: a seed and a fold.

    Attributes:
        seed: Seed of the run.
        fold: Whose training subjects are searched among.
        inner: One fold per group of them.
    """

    seed: int
    fold: Fold
    inner: tuple[Fold, ...]

    @property
    def name(self) -> str:
        """Of its study in the storage."""
        return f"seed{self.seed}/{self.fold.held_out}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Next:
    """A trial to be done."""

    target: SearchTarget
    place: int
    settings: Settings


def run_searches(
    task: Task,
    search: Search,
    targets: Sequence[SearchTarget],
    book: TrialBook,
    how: SearchRun,
) -> Iterator[Choice]:
    """Do all trials of all searches that are not done; yields what each search chose.

    Args:
        task: The task.
        search: What its method searches.
        targets: The searches.
        book: Where trials are kept.
        how: Epoch rule, plan, progress.
    """
    report = how.on_progress or (lambda *_: None)
    left, total = list(targets), len(targets) * search.places
    while left:
        done = {target.name: book.read(target.name) for target in left}
        ready = [one for one in left if len(done[one.name]) == search.places]
        known = total - len(left) * search.places + sum(map(len, done.values()))
        report("search", known, total)
        for target in ready:
            yield _choice(task, search, target, done[target.name])
        left = [target for target in left if target not in ready]
        batch = _batch(search, _coming(search, left, done), done, how)
        for more, _ in enumerate(_try(task, search, batch, done, book, how), start=1):
            report("search", known + more, total)


def _coming(
    search: Search, targets: Sequence[SearchTarget], done: Mapping[str, Mapping[int, Trial]]
) -> list[tuple[int, SearchTarget]]:
    """Trials that can be done now, the same place of all searches one after another."""
    found = [
        (place, target) for target in targets for place in open_places(search, done[target.name])
    ]
    return sorted(found, key=lambda item: item[0])


def _batch(
    search: Search,
    coming: Sequence[tuple[int, SearchTarget]],
    done: Mapping[str, Mapping[int, Trial]],
    how: SearchRun,
) -> list[_Next]:
    """Return the next trials: whole places, until every process has two trainings to do."""
    batch: list[_Next] = []
    trainings = 0
    for place, target in coming:
        if trainings >= 2 * how.plan.workers and place > batch[-1].place:
            break
        settings = settings_of(search, place, done[target.name], target.name)
        if any(one.target is target and one.settings == settings for one in batch):
            continue  # drawn twice: it is copied once the first one is done
        batch.append(_Next(target=target, place=place, settings=settings))
        trainings += len(target.inner)
    return batch


def _try(
    task: Task,
    search: Search,
    batch: Sequence[_Next],
    done: Mapping[str, Mapping[int, Trial]],
    book: TrialBook,
    how: SearchRun,
) -> Iterator[None]:
    """Train and score the trials of a batch; yields as they are done."""
    groups, owners = FoldGroups(task, how), {}
    waiting: dict[tuple[str, int], dict[str, FitResult]] = {}
    for one in batch:
        name = one.target.name
        same = [trial for trial in done[name].values() if trial.settings == one.settings]
        if same:
            book.add(name, replace(same[0], place=one.place))
            yield
            continue
        waiting[name, one.place] = {}
        for inner in one.target.inner:
            apart = name if search.sampler == "tpe" else ""
            group = groups.add(one.settings, inner, one.target.seed, apart=apart)
            owners[group, one.target.seed, inner.held_out] = one
    if not owners:
        return
    with closing(groups.fit()) as results:
        for group, result in results:
            one = owners[group, result.job.seed, result.job.subject_id]
            parts = waiting[one.target.name, one.place]
            parts[result.job.subject_id] = result
            if len(parts) == len(one.target.inner):
                ordered = [parts[inner.held_out] for inner in one.target.inner]
                book.add(one.target.name, _outcome(task, one, ordered))
                parts.clear()
                yield


def _outcome(task: Task, one: _Next, results: Sequence[FitResult]) -> Trial:
    """Compute a trial's scores from the clips of all groups."""
    rows = [i for result in results for i in result.job.predict]
    scores = np.concatenate([result.scores for result in results]).astype(np.float64)
    truth, sound = task.data.targets[rows], bool(np.isfinite(scores).all())
    metric = _metric(task, truth, scores) if sound else 0.0
    loss = None
    if _gives_probabilities(task):
        chosen = np.maximum(scores[np.arange(len(rows)), truth], 1e-12)
        loss = float(-np.log(chosen).mean()) if sound else float("inf")
    return Trial(
        place=one.place,
        settings=one.settings,
        metric=metric,
        loss=loss,
        epoch=float(np.mean([result.epoch for result in results])),
        losses=_mean_curve([result.losses for result in results]),
    )


def _metric(task: Task, truth: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """Compute the metric that the search asks for; UF1 where it asks for the loss."""
    search = task.method.search
    name = "uf1" if search is None or search.score == "loss" else search.score
    metric = METRICS[name]
    if metric.of == "scores":
        return float(metric.function(truth, scores, np.ones((1, len(truth))))[0])
    predicted = scores.argmax(axis=1)
    counts = confusion_matrix(truth, predicted, num_classes=task.data.num_classes)
    return float(metric.function(counts))


def _gives_probabilities(task: Task) -> bool:
    training = task.method.training
    return isinstance(training, NetworkTraining) and training.svm is None


def _mean_curve(curves: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Average each epoch over the trainings that ran it, to six digits."""
    longest = max(map(len, curves))
    means = [np.mean([one[e] for one in curves if len(one) > e]) for e in range(longest)]
    return tuple(float(f"{mean:.6g}") for mean in means)


def _choice(task: Task, search: Search, target: SearchTarget, done: Mapping[int, Trial]) -> Choice:
    trials = [done[place] for place in sorted(done)]
    best = best_trial(search, trials)
    return Choice(
        seed=target.seed,
        subject_id=target.fold.held_out,
        settings=best.settings,
        place=best.place,
        score=best.score(search),
        groups=tuple(
            tuple(sorted({task.subjects[i] for i in inner.test})) for inner in target.inner
        ),
        trials=tuple(
            {
                **asdict(trial),
                "score": finite(trial.score(search)),
                "loss": finite(trial.loss),
                "losses": [finite(loss) for loss in trial.losses],
            }
            for trial in trials
        ),
    )
