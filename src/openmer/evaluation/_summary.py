"""Everything a report says about the predictions of one run, computed once and frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError, ProtocolError
from openmer.evaluation._bootstrap import Intervals, bootstrap_intervals, subject_confusions
from openmer.evaluation._metrics import (
    Counts,
    StackedScores,
    absent_classes,
    per_class_of,
    stacked_scores,
)
from openmer.evaluation._predictions import PredictionTable, require_same_clips

SCORES = ("uf1", "uar", "accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How one score varies over seeds.

    Attributes:
        mean: Mean over seeds.
        sd: Standard deviation over seeds with n - 1 below; None for a single seed.
        minimum: Of the worst seed.
        maximum: Of the best seed.
    """

    mean: float
    sd: float | None
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedScores:
    """Scores of one seed, each in 0..1."""

    seed: int
    uf1: float
    uar: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PartScores:
    """Scores of one corpus of the data, from the same predictions: nothing is trained again.

    Attributes:
        corpus: Lower-case name of the corpus.
        clips: Number of its clips.
        subjects: Number of its subjects.
        uf1: Mean over seeds, over the classes the corpus has.
        uar: Mean over seeds, over the classes the corpus has.
        accuracy: Mean over seeds.
        interval: 95 % intervals by subjects; None where they cannot be made.
        skipped: Names of classes that the corpus lacks.
    """

    corpus: str
    clips: int
    subjects: int
    uf1: float
    uar: float
    accuracy: float
    interval: Intervals | None
    skipped: tuple[str, ...]


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
class Summary:
    """The scores of one run.

    Attributes:
        classes: Class names in the order of their indices.
        clips: Number of clips, each tested once per seed.
        subjects: Number of held-out subjects.
        seeds: The seeds, ascending.
        uf1: UF1 pooled over folds, mean over seeds.
        uar: UAR pooled over folds, mean over seeds.
        accuracy: Accuracy pooled over folds, mean over seeds.
        interval: 95 % intervals by subjects; None where they cannot be made.
        spread: Of every score over seeds.
        per_seed: Scores of every seed.
        parts: Scores of every corpus, by name.
        per_class: Scores of every class, in order.
        confusion: Counts summed over seeds; row: truth, column: prediction.
        confusion_mean: Counts per seed, mean over seeds.
        by_subject: One record per subject, sorted by name.
    """

    classes: tuple[str, ...]
    clips: int
    subjects: int
    seeds: tuple[int, ...]
    uf1: float
    uar: float
    accuracy: float
    interval: Intervals | None
    spread: Mapping[str, Spread]
    per_seed: tuple[SeedScores, ...]
    parts: Mapping[str, PartScores]
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    confusion_mean: tuple[tuple[float, ...], ...]
    by_subject: tuple[SubjectScores, ...]

    def to_json(self) -> dict[str, object]:
        """Return the summary as values that `json.dumps` takes; an interval is [low, high] or null.

        Keys: uf1, uar, accuracy, interval, spread, parts, per_class, confusion (summed over seeds),
        clips, subjects, seeds.
        """
        return {
            "uf1": self.uf1,
            "uar": self.uar,
            "accuracy": self.accuracy,
            "interval": _interval_json(self.interval),
            "spread": {name: asdict(spread) for name, spread in self.spread.items()},
            "parts": {name: _part_json(part) for name, part in self.parts.items()},
            "per_class": {
                found.name: {
                    "precision": found.precision,
                    "recall": found.recall,
                    "f1": found.f1,
                    "support": found.support,
                }
                for found in self.per_class
            },
            "confusion": [list(row) for row in self.confusion],
            "clips": self.clips,
            "subjects": self.subjects,
            "seeds": list(self.seeds),
        }


def summarise(
    table: PredictionTable, classes: Sequence[str], *, draws: int = 2000, seed: int = 0
) -> Summary:
    """Return the scores of one run, with intervals by subjects and the spread over seeds.

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
    require_same_clips(table)
    subjects, counts = subject_confusions(table)
    _require_support(counts.sum(axis=(0, 1)), table.classes)
    scores = stacked_scores(counts.sum(axis=1))
    corpora = dict(zip(table.subjects, table.corpora, strict=True))
    corpus_of = [corpora[subject_id] for subject_id in subjects]
    pooled = counts.sum(axis=(0, 1))
    return Summary(
        classes=table.classes,
        clips=int(counts[0].sum()),
        subjects=len(subjects),
        seeds=table.seeds,
        uf1=float(scores.uf1.mean()),
        uar=float(scores.uar.mean()),
        accuracy=float(scores.accuracy.mean()),
        interval=bootstrap_intervals(counts, draws=draws, seed=seed),
        spread=MappingProxyType({name: _spread(getattr(scores, name)) for name in SCORES}),
        per_seed=_per_seed(table.seeds, scores),
        parts=MappingProxyType(
            {
                corpus: _part(
                    corpus,
                    counts[:, [i for i, name in enumerate(corpus_of) if name == corpus]],
                    table.classes,
                    draws=draws,
                    seed=seed,
                )
                for corpus in sorted(set(corpus_of))
            }
        ),
        per_class=_per_class(counts.sum(axis=1), table.classes),
        confusion=tuple(tuple(int(count) for count in row) for row in pooled),
        confusion_mean=tuple(
            tuple(float(count) for count in row) for row in pooled / len(table.seeds)
        ),
        by_subject=_by_subject(subjects, corpus_of, counts),
    )


def _per_seed(seeds: Sequence[int], scores: StackedScores) -> tuple[SeedScores, ...]:
    return tuple(
        SeedScores(
            seed=seed,
            uf1=float(scores.uf1[i]),
            uar=float(scores.uar[i]),
            accuracy=float(scores.accuracy[i]),
        )
        for i, seed in enumerate(seeds)
    )


def _spread(values: NDArray[np.float64]) -> Spread:
    return Spread(
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)) if values.size > 1 else None,
        minimum=float(values.min()),
        maximum=float(values.max()),
    )


def _part(
    corpus: str, counts: Counts, classes: tuple[str, ...], *, draws: int, seed: int
) -> PartScores:
    scores = stacked_scores(counts.sum(axis=1))
    return PartScores(
        corpus=corpus,
        clips=int(counts[0].sum()),
        subjects=counts.shape[1],
        uf1=float(scores.uf1.mean()),
        uar=float(scores.uar.mean()),
        accuracy=float(scores.accuracy.mean()),
        interval=bootstrap_intervals(counts, draws=draws, seed=seed),
        skipped=tuple(classes[i] for i in absent_classes(counts.sum(axis=(0, 1)))),
    )


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


def _interval_json(found: Intervals | None) -> dict[str, list[float] | None]:
    if found is None:
        return dict.fromkeys(SCORES)
    return {name: [getattr(found, name).low, getattr(found, name).high] for name in SCORES}


def _part_json(part: PartScores) -> dict[str, object]:
    return {
        "uf1": part.uf1,
        "uar": part.uar,
        "accuracy": part.accuracy,
        "interval": _interval_json(part.interval),
        "clips": part.clips,
        "subjects": part.subjects,
        "skipped": list(part.skipped),
    }
