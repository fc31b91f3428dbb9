"""How sure a score is: resampling of subjects, and paired comparisons of two runs.

Clips of one subject are alike, so subjects, not clips, are drawn: an interval by clips would be too
narrow. With several seeds, subjects are drawn once per draw and the score is averaged over seeds,
so the interval speaks of other people, not of other seeds (`Summary.spread` speaks of those).

A draw in which a class that has clips got none is left out, since UF1 over fewer classes is another
score; where half of the draws or more would be left out, there is no interval.

References:
    Efron and Tibshirani (1993), An Introduction to the Bootstrap (percentile interval).
    McNemar (1947), Note on the sampling error of the difference between correlated proportions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError, ProtocolError
from openmer.evaluation._metrics import Counts, Metric, Numbers, absent_classes, list_metrics, uf1
from openmer.evaluation._predictions import PredictionTable, require_same_clips

LEVEL = 0.95
DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval, its ends in the unit of the score: a record, because figures hold many."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One score and how far it may be off.

    Attributes:
        value: Mean over seeds; NaN where it is not defined.
        low: Lower end of the 95 % interval by subjects; None where none can be made.
        high: Upper end of it.
        sd: Standard deviation over seeds, with n - 1 below; None for a single seed.
    """

    value: float
    low: float | None = None
    high: float | None = None
    sd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """What happened to every clip under every seed: all that a metric needs.

    Attributes:
        subjects: Ids of the subjects, sorted.
        counts: Confusion matrices, ``(seeds, subjects, classes, classes)``, rows the truth; the sum
            over any subjects is the matrix of these.
        subject_of: Place in `subjects` of every clip, ``(clips,)``.
        truth: True class index of every clip, ``(clips,)``.
        scores: Larger is more likely, ``(seeds, clips, classes)``.
    """

    subjects: tuple[str, ...]
    counts: Counts
    subject_of: NDArray[np.int64]
    truth: NDArray[np.int64]
    scores: Numbers

    def only(self, kept: Sequence[int]) -> Outcomes:
        """Return the outcomes of some subjects, given by their positions."""
        new_place = np.full(len(self.subjects), -1)
        new_place[list(kept)] = np.arange(len(kept))
        clips = new_place[self.subject_of] >= 0
        return Outcomes(
            subjects=tuple(self.subjects[place] for place in kept),
            counts=self.counts[:, list(kept)],
            subject_of=new_place[self.subject_of][clips],
            truth=self.truth[clips],
            scores=self.scores[:, clips],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """Exact McNemar test of two runs on the same clips.

    A clip counts as right where more than half of a run's seeds are right. Clips are taken as
    independent, which clips of one subject are not: trust the bootstrap by subjects first.

    Attributes:
        only_first: Clips that only the first run gets right.
        only_second: Clips that only the second run gets right.
        p_value: Two-sided, 0..1.
    """

    only_first: int
    only_second: int
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs on the same clips, compared subject by subject.

    Attributes:
        uf1_first: UF1 of the first run, mean over its seeds.
        uf1_second: UF1 of the second run, mean over its seeds.
        difference: `uf1_first` minus `uf1_second`.
        interval: 95 % interval of the difference, both runs drawn with the same subjects.
        p_value: Two-sided bootstrap p of "no difference", 1/(draws + 1)..1.
        draws: Draws that were used.
        mcnemar: The test by clip.
    """

    uf1_first: float
    uf1_second: float
    difference: float
    interval: Interval
    p_value: float
    draws: int
    mcnemar: McNemar


def outcomes_of(table: PredictionTable) -> Outcomes:
    """Arrange the predictions of a run by seed, subject and clip.

    Raises:
        DataError: The seeds speak of different clips.
    """
    require_same_clips(table)
    subjects, subject = np.unique(np.array(table.subjects), return_inverse=True)
    seeds, seed = np.unique(table.seed, return_inverse=True)
    classes = len(table.classes)
    shape = (len(seeds), len(subjects), classes, classes)
    cell = np.ravel_multi_index((seed, subject, table.truth, table.predicted), shape)
    counts = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape)
    clips = len(table) // len(seeds)  # rows are sorted by seed, then clip
    return Outcomes(
        subjects=tuple(str(name) for name in subjects),
        counts=counts.astype(np.int64),
        subject_of=subject[:clips].astype(np.int64),
        truth=table.truth[:clips],
        scores=table.scores.reshape(len(seeds), clips, classes),
    )


def per_seed_scores(outcomes: Outcomes) -> dict[str, Numbers]:
    """Compute every metric of every seed, by its name; arrays of shape ``(seeds,)``."""
    once = np.ones((1, len(outcomes.truth)))
    pooled = outcomes.counts.sum(axis=1)
    return {
        metric.name: metric.function(pooled)
        if metric.of == "counts"
        else _of_scores(metric, outcomes, once).ravel()
        for metric in list_metrics()
    }


def estimate_scores(
    outcomes: Outcomes, *, draws: int = DRAWS, seed: int = 0
) -> dict[str, Estimate]:
    """Compute every metric with its 95 % percentile interval by drawing subjects.

    Returns:
        An estimate for each metric, by its name. It has no interval for fewer than two subjects,
        and where half of the draws or more lack a class.
    """
    ends = _intervals([outcomes], draws=draws, seed=seed)
    return {
        name: Estimate(
            value=float(found.mean()),
            sd=float(found.std(ddof=1)) if found.size > 1 else None,
            **ends.get(name, {}),
        )
        for name, found in per_seed_scores(outcomes).items()
    }


def compare_runs(
    first: PredictionTable, second: PredictionTable, *, draws: int = DRAWS, seed: int = 0
) -> Comparison:
    """Whether two runs on the same clips differ: UF1 paired by subject, and McNemar by clip.

    Args:
        first: Predictions of one run, any number of seeds.
        second: Predictions of the other run, any number of seeds.
        draws: How many times subjects are drawn; both runs get the same subjects.
        seed: Of the random draws.

    Raises:
        DataError: The runs differ in clips, subjects, truth or classes.
        ProtocolError: A class has no clip, there is one subject only, or half of the draws lack a
            class.
    """
    _require_same_task(first, second)
    both = outcomes_of(first), outcomes_of(second)
    one, _ = both
    subjects = len(one.subjects)
    if absent_classes(one.counts[0].sum(axis=0)) or subjects < 2:
        raise ProtocolError(
            f"Runs over {subjects} subject(s) cannot be compared where a class has no clip or "
            "there is one subject only. Compare them on a whole task."
        )
    uf1_first, uf1_second = (float(uf1(one.counts.sum(axis=1)).mean()) for one in both)
    drawn = _drawn_subjects(subjects, draws=draws, seed=seed)
    (again_first, whole), (again_second, _) = (_drawn_counts(one.counts, drawn) for one in both)
    used = int(whole.sum())
    if _is_mostly_lacking(whole):
        raise ProtocolError(
            f"{draws - used} of {draws} draws lack a class, which too few subjects show. "
            "Compare the runs on more subjects."
        )
    means = [uf1(again[whole]).mean(axis=1) for again in (again_first, again_second)]
    differences = means[0] - means[1]
    return Comparison(
        uf1_first=uf1_first,
        uf1_second=uf1_second,
        difference=uf1_first - uf1_second,
        interval=_percentiles(differences),
        p_value=_two_sided_p(differences),
        draws=used,
        mcnemar=mcnemar(_clips_right(first), _clips_right(second)),
    )


def score_differences(
    first: PredictionTable,
    second: PredictionTable,
    *,
    corpus: str = "",
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Compute by how much every metric of one run is above that of another, with its interval.

    Args:
        first: Predictions of one run, any number of seeds.
        second: Predictions of the other run, any number of seeds.
        corpus: Only the clips of that corpus; "" is all.
        draws: How many times subjects are drawn; both runs get the same subjects.
        seed: Of the random draws.

    Returns:
        An estimate of each metric, by its name: first minus second, the mean over seeds. It has no
        interval for fewer than two subjects, and where half of the draws or more lack a class.

    Raises:
        DataError: The runs differ in clips, subjects, truth or classes; or no clip is of `corpus`.
    """
    if corpus:
        first, second = first.of_corpus(corpus), second.of_corpus(corpus)
    _require_same_task(first, second)
    both = outcomes_of(first), outcomes_of(second)
    own, other = (per_seed_scores(one) for one in both)
    ends = _intervals(both, draws=draws, seed=seed)
    return {
        name: Estimate(value=float(own[name].mean() - other[name].mean()), **ends.get(name, {}))
        for name in own
    }


def _intervals(runs: Sequence[Outcomes], *, draws: int, seed: int) -> dict[str, dict[str, float]]:
    """Compute the interval of every metric of a run, or of the first run less the second.

    Returns:
        Ends as `Estimate` has them, by the metric's name. None for fewer than two subjects, and
        where half of the draws or more lack a class.
    """
    first, *_ = runs
    drawn = _drawn_subjects(len(first.subjects), draws=draws, seed=seed)
    counts = [_drawn_counts(one.counts, drawn) for one in runs]
    (_, whole), *_ = counts  # the truth of all runs is the same
    if len(first.subjects) < 2 or _is_mostly_lacking(whole):
        return {}
    weights = drawn[whole][:, first.subject_of].astype(np.float64)
    found = {}
    for metric in list_metrics():
        values = [
            _again(metric, one, sums[whole], weights).mean(axis=1)
            for one, (sums, _) in zip(runs, counts, strict=True)
        ]
        found[metric.name] = asdict(_percentiles(reduce(np.subtract, values)))
    return found


def mcnemar(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_]) -> McNemar:
    """Exact McNemar test on which clips two runs get right, both of shape ``(clips,)``."""
    if first_right.shape != second_right.shape:
        raise DataError(
            f"{first_right.size} and {second_right.size} clips cannot be paired; expected the same."
        )
    from scipy.stats import binomtest

    only_first = int(np.sum(first_right & ~second_right))
    only_second = int(np.sum(second_right & ~first_right))
    differing = only_first + only_second
    p_value = float(binomtest(only_first, differing, 0.5).pvalue) if differing else 1.0
    return McNemar(only_first=only_first, only_second=only_second, p_value=p_value)


def _again(metric: Metric, outcomes: Outcomes, counts: Numbers, weights: Numbers) -> Numbers:
    """Compute a metric of every draw and seed, ``(draws, seeds)``."""
    if metric.of == "counts":
        return metric.function(counts)
    return _of_scores(metric, outcomes, weights)


def _of_scores(metric: Metric, outcomes: Outcomes, weights: Numbers) -> Numbers:
    """Compute a metric of scores for every draw and seed, ``(draws, seeds)``."""
    return np.stack(
        [metric.function(outcomes.truth, scores, weights) for scores in outcomes.scores], axis=1
    )


def _drawn_subjects(subjects: int, *, draws: int, seed: int) -> NDArray[np.int64]:
    """Draw how often each subject is taken, ``(draws, subjects)``."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(subjects, np.full(subjects, 1 / subjects), size=draws)


def _drawn_counts(counts: Counts, drawn: NDArray[np.int64]) -> tuple[Numbers, NDArray[np.bool_]]:
    """Add up the matrices of each draw, ``(draws, seeds, classes, classes)``.

    Returns:
        The sums, and which draws lack no class that `counts` have, ``(draws,)``.
    """
    seeds, subjects, classes, _ = counts.shape
    flat = counts.swapaxes(0, 1).reshape(subjects, -1)
    # As floats the product runs in BLAS; whole numbers below 2**53 stay exact.
    product = drawn.astype(np.float64) @ flat.astype(np.float64)
    sums = product.reshape(len(drawn), seeds, classes, classes)
    present = counts.sum(axis=(0, 1, 3)) > 0
    return sums, (sums.sum(axis=-1)[..., present] > 0).all(axis=(1, 2))


def _is_mostly_lacking(whole: NDArray[np.bool_]) -> bool:
    """Whether half of the draws or more lack a class."""
    return 2 * int(whole.sum()) <= len(whole)


def _percentiles(values: Numbers) -> Interval:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def _two_sided_p(differences: Numbers) -> float:
    tail = min(int(np.sum(differences <= 0)), int(np.sum(differences >= 0)))
    return min(1.0, 2 * (tail + 1) / (len(differences) + 1))


def _clips_right(table: PredictionTable) -> NDArray[np.bool_]:
    """Whether more than half of the seeds are right, per clip; rows are sorted by seed, clip."""
    right = (table.predicted == table.truth).reshape(len(table.seeds), -1)
    return np.asarray(2 * right.sum(axis=0) > len(table.seeds))


def _require_same_task(first: PredictionTable, second: PredictionTable) -> None:
    for table in (first, second):
        require_same_clips(table)
    if first.classes != second.classes:
        raise DataError(
            f"One run has the classes {', '.join(first.classes)}, the other "
            f"{', '.join(second.classes)}. Only runs on the same task can be compared."
        )
    ones, others = _facts(first), _facts(second)
    if ones != others:
        different = sorted(ones.items() ^ others.items())[0][0]
        raise DataError(
            f"The runs differ in {different}: its truth or subject is not the same, or one run "
            "lacks it. Only runs on the same clips can be compared."
        )


def _facts(table: PredictionTable) -> dict[str, tuple[str, int]]:
    rows: Sequence[Any] = table.truth.tolist()
    return {
        clip: (subject_id, truth)
        for clip, subject_id, truth in zip(table.clips, table.subjects, rows, strict=True)
    }
