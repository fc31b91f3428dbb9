"""Everything a report says about the predictions of one run, computed once and frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from openmer.errors import DataError, ProtocolError
from openmer.evaluation._bootstrap import (
    Estimate,
    Outcomes,
    estimate_scores,
    outcomes_of,
    per_seed_scores,
)
from openmer.evaluation._metrics import Counts, absent_classes, per_class_of
from openmer.evaluation._predictions import PredictionTable


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScores:
    """Scores of one class, mean over seeds, each in 0..1; `support` is its number of clips."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectScores:
    """How well one held-out subject was recognised.

    Attributes:
        subject: `Clip.subject_id`.
        corpus: The subject's corpus.
        clips: Number of the subject's clips.
        correct: Clips that were right, mean over seeds.
        accuracy: `correct` / `clips`.
    """

    subject_id: str
    corpus: str
    clips: int
    correct: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Scores of some clips: those of one corpus, from the same predictions, or all.

    Attributes:
        classes: Class names in the order of their indices.
        clips: Number of clips, each tested once per seed.
        subjects: Number of held-out subjects.
        scores: Every metric, pooled over folds, by its name.
        per_class: Scores of every class that has a clip, in order.
        skipped: Names of classes without a clip, left out of means over classes.
        confusion: Counts summed over seeds; row: truth, column: prediction.
        confusion_mean: Counts per seed, mean over seeds.
    """

    classes: tuple[str, ...]
    clips: int
    subjects: int
    scores: Mapping[str, Estimate]
    per_class: tuple[ClassScores, ...]
    skipped: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    confusion_mean: tuple[tuple[float, ...], ...]

    @property
    def uf1(self) -> float:
        """UF1, mean over seeds, 0..1."""
        return self.scores["uf1"].value

    def to_json(self) -> dict[str, object]:
        """Return values that `json.dumps` takes.

        Keys: every metric by its name; `interval`, the ends of each one's 95 % interval or null;
        `sd` over seeds or null; `per_class`, `confusion` (summed over seeds), `clips`, `subjects`
        and `skipped`. A value that is not defined is null.
        """
        return {
            **{name: _known(found.value) for name, found in self.scores.items()},
            "interval": {
                name: None if found.low is None else [_known(found.low), _known(found.high)]
                for name, found in self.scores.items()
            },
            "sd": {name: _known(found.sd) for name, found in self.scores.items()},
            "per_class": {found.name: _without_name(found) for found in self.per_class},
            "confusion": [list(row) for row in self.confusion],
            "clips": self.clips,
            "subjects": self.subjects,
            "skipped": list(self.skipped),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(Part):
    """The scores of one run.

    Attributes:
        seeds: The seeds, ascending.
        per_seed: Every metric of every seed, in the order of `seeds`.
        parts: Scores of every corpus, by name.
        by_subject: One record per subject, sorted by name.
    """

    seeds: tuple[int, ...]
    per_seed: tuple[Mapping[str, float], ...]
    parts: Mapping[str, Part]
    by_subject: tuple[SubjectScores, ...]

    def to_json(self) -> dict[str, object]:
        """Return values that `json.dumps` takes: as of a part, with `seeds` and `parts`."""
        return {
            **Part.to_json(self),
            "seeds": list(self.seeds),
            "parts": {name: part.to_json() for name, part in self.parts.items()},
        }


def summarise(
    table: PredictionTable, classes: Sequence[str], *, draws: int = 2000, seed: int = 0
) -> Summary:
    """Compute the scores of one run, with intervals by subjects and the spread over seeds.

    Args:
        table: Predictions; every seed must speak of the same clips.
        classes: Class names as the run's own record has them; they must be those of `table`.
        draws: Draws of subjects for the intervals.
        seed: Of these draws.

    Raises:
        DataError: The classes differ from the table's, or the seeds from each other.
        ProtocolError: A class has no clip at all.
    """
    _require_classes(table, tuple(classes))
    outcomes = outcomes_of(table)
    _require_support(outcomes.counts.sum(axis=(0, 1)), table.classes)
    corpora = dict(zip(table.subjects, table.corpora, strict=True))
    corpus_of = [corpora[subject_id] for subject_id in outcomes.subjects]
    parts = {}
    for corpus in sorted(set(corpus_of)):
        own = outcomes.only([i for i, name in enumerate(corpus_of) if name == corpus])
        parts[corpus] = Part(**_part(own, table.classes, draws=draws, seed=seed))
    per_seed = per_seed_scores(outcomes)
    return Summary(
        **_part(outcomes, table.classes, draws=draws, seed=seed),
        seeds=table.seeds,
        per_seed=tuple(
            MappingProxyType({name: float(values[i]) for name, values in per_seed.items()})
            for i in range(len(table.seeds))
        ),
        parts=MappingProxyType(parts),
        by_subject=_by_subject(outcomes.subjects, corpus_of, outcomes.counts),
    )


def _part(outcomes: Outcomes, classes: tuple[str, ...], *, draws: int, seed: int) -> dict[str, Any]:
    """Return the fields of a `Part`."""
    pooled = outcomes.counts.sum(axis=(0, 1))
    seeds = len(outcomes.counts)
    return {
        "classes": classes,
        "clips": len(outcomes.truth),
        "subjects": len(outcomes.subjects),
        "scores": MappingProxyType(estimate_scores(outcomes, draws=draws, seed=seed)),
        "per_class": _per_class(outcomes.counts.sum(axis=1), classes),
        "skipped": tuple(classes[i] for i in absent_classes(pooled)),
        "confusion": tuple(tuple(int(count) for count in row) for row in pooled),
        "confusion_mean": tuple(tuple(float(n) for n in row) for row in pooled / seeds),
    }


def _per_class(per_seed: Counts, classes: tuple[str, ...]) -> tuple[ClassScores, ...]:
    found = per_class_of(per_seed)
    return tuple(
        ClassScores(
            name=name,
            precision=float(found.precision[:, i].mean()),
            recall=float(found.recall[:, i].mean()),
            f1=float(found.f1[:, i].mean()),
            support=int(found.support[0, i]),
        )
        for i, name in enumerate(classes)
        if found.support[0, i]
    )


def _by_subject(
    subjects: Sequence[str], corpus_of: Sequence[str], counts: Counts
) -> tuple[SubjectScores, ...]:
    clips = counts[0].sum(axis=(-2, -1))
    correct = np.trace(counts, axis1=-2, axis2=-1).mean(axis=0)
    return tuple(
        SubjectScores(
            subject_id=subject_id,
            corpus=corpus_of[i],
            clips=int(clips[i]),
            correct=float(correct[i]),
            accuracy=float(correct[i] / clips[i]),
        )
        for i, subject_id in enumerate(subjects)
    )


def _require_classes(table: PredictionTable, classes: tuple[str, ...]) -> None:
    if table.classes != classes:
        raise DataError(
            f"The predictions have the classes {', '.join(table.classes)}, the run's record says "
            f"{', '.join(classes)}. The folder mixes two runs: run one of them elsewhere."
        )


def _require_support(pooled: Counts, classes: tuple[str, ...]) -> None:
    absent = absent_classes(pooled)
    if absent:
        raise ProtocolError(
            f"No clip is {', '.join(classes[i] for i in absent)}, so its F1 and recall are "
            "undefined. Add clips of that class or choose a label scheme without it."
        )


def _without_name(found: ClassScores) -> dict[str, object]:
    return {name: value for name, value in asdict(found).items() if name != "name"}


def _known(value: float | None) -> float | None:
    """Return a number; None where it is not defined."""
    return None if value is None or np.isnan(value) else value
