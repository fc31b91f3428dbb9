"""What a search of hyperparameters tries, as a frozen record of a method file; no Optuna here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, PositiveInt, Tag, model_validator

from openmer.config import Record
from openmer.training._config import Scalar
from openmer.training._folds import Setting

Settings = dict[str, Setting]
"""Values by the dotted keys of a method file, as ``--set`` takes them."""

# Below these keys nothing changes the prepared arrays or the stored weights.
_SEARCHED = ("training.", "loss.", "model.parameters.")


class Range(Record):
    """All numbers from one to another.

    Whole numbers are drawn where both ends, and the step if there is one, are whole.

    Attributes:
        low: The lowest.
        high: The highest.
        log: Draw evenly over the logarithm.
        step: From one value to the next, beginning with the lowest; None where any number will do.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.low < self.high:
            raise ValueError("low must be below high")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("a range with log = true has a low above 0 and no step")
        if self.step is not None and self.step <= 0:
            raise ValueError("step must be above 0")
        return self

    @property
    def whole(self) -> bool:
        """Whether whole numbers are drawn."""
        return all(isinstance(end, int) for end in (self.low, self.high, self.step or 0))

    @property
    def values(self) -> tuple[Scalar, ...]:
        """Every value of a range with a step."""
        if self.step is None:
            return ()
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        if self.whole:
            return tuple(self.low + number * self.step for number in range(count))
        return tuple(float(f"{self.low + number * self.step:.12g}") for number in range(count))


def _kind(values: object) -> str:
    return "range" if isinstance(values, Mapping | Range) else "list"


Values = Annotated[
    Annotated[tuple[Setting, ...], Tag("list")] | Annotated[Range, Tag("range")],
    Discriminator(_kind),
]


def _flat(space: Any) -> Any:  # noqa: ANN401  # what a user wrote, before it is checked
    """Tables in tables as dotted keys: TOML reads a key without quotes so."""
    if not isinstance(space, Mapping):
        return space
    flat: dict[str, Any] = {}
    for key, value in space.items():
        if isinstance(value, Mapping) and not {"low", "high"} & value.keys():
            flat.update({f"{key}.{rest}": inner for rest, inner in _flat(value).items()})
        else:
            flat[key] = value
    return flat


class Search(Record):
    """A search of settings among subjects that are held out inside the training subjects.

    A trial trains with its settings on all but one group of the training subjects and is scored on
    that group, for each group in turn. The best trial's settings, of equals the first one's, then
    train on all training subjects. A fold's own held-out subject is in no group.

    Attributes:
        sampler: ``grid`` tries every combination, in the order of the lists, the last key fastest;
            ``tpe`` draws trials where earlier ones were good (Bergstra et al. 2011).
        trials: How many ``tpe`` draws. Of a grid the most that it may have; 0 sets no limit.
        score: What is best: the highest value of a metric (``uf1``, or any other by its name)
            over the clips of all groups, pooled, or with ``loss`` the lowest
            ``loss``, their mean cross-entropy.
        inner_folds: Groups of subjects; as many as there are subjects where these are fewer.
        seed: Of groups and draws, beside the seed of the run.
        startup: Trials of ``tpe`` that are drawn at random before it learns from any.
        together: Trials of ``tpe`` that are drawn from the same earlier ones, so that they can run
            at once and come out the same in any number of processes.
        space: By dotted keys of the method file, lists of values or ranges; a value may be a list
            itself (``"loss.class_weights" = [[0.2, 0.3, 0.5], [0.3, 0.3, 0.4]]``).
    """

    sampler: Literal["grid", "tpe"] = "grid"
    trials: int = Field(default=0, ge=0)
    score: str = "uf1"
    inner_folds: int = Field(default=3, ge=2)
    seed: int = Field(default=0, ge=0)
    startup: PositiveInt = 10
    together: PositiveInt = 2
    space: Annotated[dict[str, Values], BeforeValidator(_flat)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_searched(self) -> Self:
        if not self.space:
            raise ValueError(
                "the space is empty; give lists of values by keys of the method, as in "
                '[search.space] "training.batch_size" = [32, 64]'
            )
        for key, values in self.space.items():
            _require_searchable(key, values, self.sampler)
        if self.sampler == "tpe" and not self.trials:
            raise ValueError('the sampler "tpe" needs trials, as in trials = 30')
        if self.sampler == "grid" and 0 < self.trials < self.places:
            raise ValueError(
                f"the grid has {self.places} points, more than the {self.trials} trials allowed; "
                'shorten its lists, raise trials, or take sampler = "tpe"'
            )
        return self

    @property
    def places(self) -> int:
        """How many trials there are."""
        if self.sampler == "tpe":
            return self.trials
        return math.prod(len(values) for values in self._lists.values())

    @property
    def flips(self) -> bool:
        """Whether a trial may draw flipped clips."""
        return any("flip" in key for key in self.space)

    @property
    def _lists(self) -> dict[str, tuple[Setting, ...]]:
        return {
            key: found.values if isinstance(found, Range) else found
            for key, found in self.space.items()
        }

    def point(self, place: int) -> Settings:
        """Return the settings of one point of the grid, counted from 0."""
        settings: Settings = {}
        for key, values in reversed(self._lists.items()):
            place, number = divmod(place, len(values))
            settings[key] = values[number]
        return {key: settings[key] for key in self.space}

    def extremes(self) -> Iterator[tuple[str, Setting]]:
        """Every key with each of its values, or with both ends of its range."""
        for key, found in self.space.items():
            ends = (found.low, found.high) if isinstance(found, Range) else found
            yield from ((key, value) for value in ends)

    def corners(self, epochs: int) -> Search:
        """Shorten the search for a proof: few trials of at most `epochs` epochs."""
        space: dict[str, tuple[Setting, ...] | Range] = {}
        for key, found in self.space.items():
            most = epochs if key.endswith((".epochs", ".iterations")) else math.inf
            space[key] = _shorter(found, most)
        few = {"trials": min(self.trials, 4), "startup": min(self.startup, 2), "space": space}
        return self.model_copy(update=few)


class Searched(Record):
    """How the settings of a method were chosen, and on whose clips.

    The method's score on these subjects is no score on new subjects.

    Attributes:
        subjects: All of them (`Clip.subject_id`), sorted.
        clips: How many clips they have.
        sampler: As in `Search`.
        trials: How many there were.
        score: As in `Search`.
        inner_score: That of the best trial, the highest of many: too good for an estimate.
        inner_folds: Groups of subjects.
        seed: Seed of the trainings.
        settings: What was chosen.
        contents: A digest of each clip's files, sorted, which finds the clips under other names.
    """

    subjects: tuple[str, ...]
    clips: int
    sampler: Literal["grid", "tpe"]
    trials: int
    score: str
    inner_score: float
    inner_folds: int
    seed: int
    settings: Settings
    contents: tuple[str, ...] = ()


def _require_searchable(key: str, values: tuple[Setting, ...] | Range, sampler: str) -> None:
    if not key.startswith(_SEARCHED) or key == "training.kind":
        raise ValueError(
            f"the key {key!r} cannot be searched; expected one below "
            f"{', '.join(name.rstrip('.') for name in _SEARCHED)}, which leave the prepared arrays "
            "and the stored weights as they are"
        )
    if isinstance(values, Range):
        if sampler == "grid" and values.step is None:
            raise ValueError(f"the range of {key} has no step, which a grid needs")
    elif not values:
        raise ValueError(f"the list of {key} is empty")
    elif len(set(values)) < len(values):
        raise ValueError(f"the list of {key} holds a value twice")


def _shorter(found: tuple[Setting, ...] | Range, most: float) -> tuple[Setting, ...] | Range:
    """Shorten to the first and the last value, or the range, with no number above `most`."""
    if not isinstance(found, Range):
        kept = [_at_most(value, most) for value in dict.fromkeys((found[0], found[-1]))]
        return tuple(dict.fromkeys(kept))
    if found.high <= most and found.step is None:
        return found
    if found.step is None and found.low < most:
        return found.model_copy(update={"high": most})
    return _shorter(found.values or (found.low, found.high), most)


def _at_most(value: Setting, most: float) -> Setting:
    return int(most) if isinstance(value, int | float) and value > most else value
