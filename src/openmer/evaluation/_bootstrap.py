"""How sure a score is: resampling of subjects, and paired comparisons of two runs.

Clips of one subject are alike, so subjects, not clips, are drawn: an interval by clips would be too
narrow. With several seeds, subjects are drawn once per draw and the score is averaged over seeds,
so the interval speaks of other people, not of other seeds (`Summary.spread` speaks of those).

A draw in which a class that has clips got none is left out, since UF1 over fewer classes is another
score; where half of the draws or more would be left out, there is no interval.

References:
    Efron and Tibshirani (1993), An Introduction to the Bootstrap (percentile interval).
    McNemar (1947), Note on the sampling error of the difference between correlated proportions.
    Student (1908), The probable error of a mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError, ProtocolError
from openmer.evaluation._metrics import Counts, Numbers, StackedScores, stacked_scores
from openmer.evaluation._predictions import PredictionTable, require_same_clips

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval: its lower and upper end, in the unit of the score."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """95 % intervals of the three scores by resampling subjects.

    Attributes:
        uf1: Of UF1, inside 0..1.
        uar: Of UAR, inside 0..1.
        accuracy: Of accuracy, inside 0..1.
        draws: Draws that were used.
        left_out: Draws that were left out because they lacked a class.
    """

    uf1: Interval
    uar: Interval
    accuracy: Interval
    draws: int
    left_out: int


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
class PairedT:
    """Student's t-test of paired numbers.

    Attributes:
        difference: Mean of first minus second.
        t: That mean over its standard error.
        degrees: Degrees of freedom, pairs minus one.
        p_value: 0..1.
    """

    difference: float
    t: float
    degrees: int
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


def subject_confusions(table: PredictionTable) -> tuple[tuple[str, ...], Counts]:
    """Count one confusion matrix per seed and subject; they add up to those of any subjects.

    Returns:
        The subjects, sorted, and counts of shape ``(seeds, subjects, classes, classes)``, rows the
        truth.
    """
    subjects, subject_id = np.unique(np.array(table.subjects), return_inverse=True)
    seeds, seed = np.unique(table.seed, return_inverse=True)
    classes = len(table.classes)
    shape = (len(seeds), len(subjects), classes, classes)
    cell = np.ravel_multi_index((seed, subject_id, table.truth, table.predicted), shape)
    counts = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape)
    return tuple(str(name) for name in subjects), counts.astype(np.int64)


def bootstrap_intervals(counts: Counts, *, draws: int = 2000, seed: int = 0) -> Intervals | None:
    """95 % percentile intervals of UF1, UAR and accuracy by drawing subjects with replacement.

    Args:
        counts: Confusion matrices, shape ``(seeds, subjects, classes, classes)``. A class without a
            clip in any of them is skipped; see `openmer.evaluation._metrics`.
        draws: How many times subjects are drawn.
        seed: Of the random draws; the same seed gives the same intervals.

    Returns:
        The intervals; None for fewer than two subjects, and where half of the draws or more lack a
        class.
    """
    if counts.shape[1] < 2:
        return None
    scores, whole = _drawn_scores(counts, draws=draws, seed=seed)
    used = int(whole.sum())
    if 2 * used <= draws:
        return None
    return Intervals(
        uf1=_percentiles(scores.uf1[whole].mean(axis=1)),
        uar=_percentiles(scores.uar[whole].mean(axis=1)),
        accuracy=_percentiles(scores.accuracy[whole].mean(axis=1)),
        draws=used,
        left_out=draws - used,
    )


def compare_runs(
    first: PredictionTable, second: PredictionTable, *, draws: int = 2000, seed: int = 0
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
    subjects, first_counts = subject_confusions(first)
    second_counts = subject_confusions(second)[1]
    totals = [counts.sum(axis=1) for counts in (first_counts, second_counts)]
    if not stacked_scores(totals[0]).complete.all() or len(subjects) < 2:
        raise ProtocolError(
            f"Runs over {len(subjects)} subject(s) cannot be compared where a class has no clip or "
            "there is one subject only. Compare them on a whole task."
        )
    uf1_first, uf1_second = (float(stacked_scores(total).uf1.mean()) for total in totals)
    drawn_first, whole = _drawn_scores(first_counts, draws=draws, seed=seed)
    drawn_second, _ = _drawn_scores(second_counts, draws=draws, seed=seed)
    used = int(whole.sum())
    if 2 * used <= draws:
        raise ProtocolError(
            f"{draws - used} of {draws} draws lack a class, which too few subjects show. "
            "Compare the runs on more subjects."
        )
    differences = drawn_first.uf1[whole].mean(axis=1) - drawn_second.uf1[whole].mean(axis=1)
    return Comparison(
        uf1_first=uf1_first,
        uf1_second=uf1_second,
        difference=uf1_first - uf1_second,
        interval=_percentiles(differences),
        p_value=_two_sided_p(differences),
        draws=used,
        mcnemar=mcnemar(_clips_right(first), _clips_right(second)),
    )


def mcnemar(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_]) -> McNemar:
    """Exact McNemar test on which clips two runs get right, both of shape ``(clips,)``.

    Raises:
        DataError: The two arrays differ in length.
    """
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


def paired_t_test(
    first: Sequence[float],
    second: Sequence[float],
    *,
    alternative: Literal["two-sided", "greater"] = "two-sided",
) -> PairedT:
    """Student's t-test of whether paired numbers differ.

    It takes the differences as independent draws of one normal distribution. Scores of one method
    on a few sets of clips are no such draws: it is here to check printed p-values. Compare runs
    with `compare_runs`.

    Args:
        first: Numbers, at least two.
        second: As many, in the same order.
        alternative: "greater" asks whether the first are larger; it halves p where they are.

    Raises:
        DataError: There are not two or more pairs, or all differences are the same.
    """
    if len(first) != len(second) or len(first) < 2:
        raise DataError(
            f"{len(first)} and {len(second)} numbers cannot be paired; expected as many of each, "
            "at least two."
        )
    from scipy.stats import ttest_rel

    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    # What rounding leaves of equal differences is no spread.
    if np.ptp(differences) <= 1e-12 * max(1.0, float(np.abs(differences).max())):
        raise DataError(
            f"All {len(first)} differences are {differences[0]:g}, so they have no spread to "
            "measure t by. Compare the runs clip by clip."
        )
    found = ttest_rel(first, second, alternative=alternative)
    return PairedT(
        difference=float(differences.mean()),
        t=float(found.statistic),
        degrees=int(found.df),
        p_value=float(found.pvalue),
    )


def _drawn_scores(
    counts: Counts, *, draws: int, seed: int
) -> tuple[StackedScores, NDArray[np.bool_]]:
    """Scores of shape ``(draws, seeds)``, and which draws lack no class, shape ``(draws,)``."""
    seeds, subjects, classes, _ = counts.shape
    generator = np.random.default_rng(seed)
    times = generator.multinomial(subjects, np.full(subjects, 1 / subjects), size=draws)
    flat = counts.swapaxes(0, 1).reshape(subjects, -1)
    # As floats the product runs in BLAS; whole numbers below 2**53 stay exact.
    product = times.astype(np.float64) @ flat.astype(np.float64)
    drawn = product.reshape(draws, seeds, classes, classes)
    present = counts.sum(axis=(0, 1, 3)) > 0
    whole = (drawn.sum(axis=-1)[..., present] > 0).all(axis=(1, 2))
    return stacked_scores(drawn), whole


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
