"""Which settings a trial of a search has: a pure function of its place and of what was before.

Optuna's own parallel search draws from whatever has finished by then, so it cannot be repeated.
Here a trial draws from a fixed set of earlier ones, and any number of processes draw the same.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from optuna import create_study
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import create_trial

from openmer.training import Range, Scalar, Search, Setting, Settings, derive_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A finished trial.

    Attributes:
        place: Its number in the search, from 0; for a grid the number of its point.
        settings: Values by dotted keys of the method.
        metric: The metric that the search asks for (UF1 where it asks for the loss), over the
            clips of all inner groups, pooled; 0 where the training came to nothing.
        loss: Their mean cross-entropy; None where scores are no probabilities.
        epoch: Epoch whose weights were scored, mean over the inner trainings.
        losses: Mean training loss of each epoch, over the inner trainings that ran it.
    """

    place: int
    settings: Settings
    metric: float
    loss: float | None
    epoch: float
    losses: tuple[float, ...]

    def score(self, search: Search) -> float:
        """Return the value that the search compares."""
        if search.score != "loss":
            return self.metric
        return float("inf") if self.loss is None else self.loss


def best_trial(search: Search, trials: Sequence[Trial]) -> Trial:
    """Choose the best trial; of equals the first by its place, whichever finished first."""
    sign = 1.0 if search.score == "loss" else -1.0
    return min(trials, key=lambda trial: (sign * trial.score(search), trial.place))


def open_places(search: Search, done: Mapping[int, Trial]) -> list[int]:
    """Places that are not done and whose settings can be known by now, in order."""
    left = [place for place in range(search.places) if place not in done]
    if search.sampler == "grid" or not left:
        return left
    end = _begin(search, left[0]) + _length(search, left[0])
    return [place for place in left if place < end]


def settings_of(search: Search, place: int, done: Mapping[int, Trial], name: str) -> Settings:
    """Return the settings of one of the `open_places`.

    Args:
        search: The search.
        place: Its place.
        done: What has finished; later places than those it draws from are left out.
        name: Whose search it is; names the random stream.
    """
    if search.sampler == "grid":
        return search.point(place)
    history = [done[earlier] for earlier in range(_begin(search, place))]
    seed = derive_seed(search.seed, name, "trial", place) % (1 << 32)
    sampler: BaseSampler = RandomSampler(seed=seed)
    if history:
        sampler = TPESampler(seed=seed, n_startup_trials=search.startup)
    space = distributions(search)
    study = create_study(direction=direction(search), sampler=sampler)
    study.add_trials(
        [
            create_trial(
                params=as_params(trial.settings), distributions=space, value=trial.score(search)
            )
            for trial in history
        ]
    )
    drawn = study.ask(space).params
    return {key: _drawn(search.space[key], drawn[key]) for key in search.space}


def as_params(settings: Settings) -> dict[str, Scalar]:
    """Return settings as Optuna stores them, which has no lists: a list becomes its JSON text."""
    return {key: _param(value) for key, value in settings.items()}


def _param(value: Setting) -> Scalar:
    return json.dumps(value) if isinstance(value, tuple) else value


def _drawn(values: tuple[Setting, ...] | Range, param: Scalar) -> Setting:
    """Return the value that a parameter of Optuna's stands for."""
    if isinstance(values, Range):
        return param
    return next(value for value in values if _param(value) == param)


def direction(search: Search) -> Literal["maximize", "minimize"]:
    """Optuna's word for what is better."""
    return "minimize" if search.score == "loss" else "maximize"


def distributions(search: Search) -> dict[str, BaseDistribution]:
    """Return the space in Optuna's terms."""
    return {key: _distribution(search, key) for key in search.space}


def _distribution(search: Search, key: str) -> BaseDistribution:
    found = search.space[key]
    if not isinstance(found, Range):
        return CategoricalDistribution([_param(value) for value in found])
    with warnings.catch_warnings():
        # A step need not lead to the end exactly; Optuna then ends at the last value, as we do.
        warnings.simplefilter("ignore")
        if found.whole:
            step = 1 if found.step is None else int(found.step)
            return IntDistribution(int(found.low), int(found.high), log=found.log, step=step)
        return FloatDistribution(found.low, found.high, log=found.log, step=found.step)


def _begin(search: Search, place: int) -> int:
    """Return the first place of the trials that are drawn together with this one."""
    if place < search.startup:
        return 0
    return place - (place - search.startup) % search.together


def _length(search: Search, place: int) -> int:
    return search.startup if place < search.startup else search.together
