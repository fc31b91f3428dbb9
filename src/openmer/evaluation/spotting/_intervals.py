"""How sure the scores of a spotter are: whole subjects are drawn, as for every other score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmer.evaluation._bootstrap import LEVEL, Interval
from openmer.evaluation._metrics import Numbers, per_class_of
from openmer.evaluation.spotting._scores import Recognition, SpottingIntervals


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tally:
    """The counts of each video, arrays whose first axis is the videos.

    Attributes:
        hits, found, truth: How many, shape ``(videos,)``.
        seconds: Of each video, shape ``(videos,)``; None where one is not known.
        confusion: Spotted movements by true and said class, shape ``(videos, classes + 1,
            classes + 1)``; the last class is any other or none. None where no class is named.
    """

    hits: NDArray[np.int64]
    found: NDArray[np.int64]
    truth: NDArray[np.int64]
    seconds: Numbers | None
    confusion: NDArray[np.int64] | None


def units_of(subjects: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
    """Which videos are drawn together: those that share a subject, directly or through others.

    Args:
        subjects: The subjects of each video.

    Returns:
        Number of the unit of each video, 0..units-1, shape ``(videos,)``.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names = {name: at for at, name in enumerate(sorted({p for each in subjects for p in each}))}
    pairs = [(video, names[name]) for video, each in enumerate(subjects) for name in each]
    videos, owners = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    size = len(subjects) + len(names)
    graph = coo_array((np.ones(len(pairs)), (videos, len(subjects) + owners)), shape=(size, size))
    unit = connected_components(graph, directed=False)[1][: len(subjects)]
    return np.unique(unit, return_inverse=True)[1].astype(np.int64)


def recognition_scores(confusion: NDArray[np.float64]) -> dict[str, Numbers]:
    """Return the scores of `Recognition` from stacked confusion matrices, by their names.

    Args:
        confusion: Shape ``(..., classes + 1, classes + 1)`` as in `Tally`, videos added up.
    """
    found = per_class_of(confusion)
    kept = (np.nan_to_num(each[..., :-1]) for each in (found.precision, found.recall, found.f1))
    precision, recall, uf1 = (each.mean(axis=-1) for each in kept)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    return {"precision": precision, "recall": recall, "f1": f1, "uf1": uf1}


def recognition_of(tally: Tally, classes: tuple[str, ...]) -> Recognition | None:
    """Return the scores of recognition over all videos; None where no class is named."""
    if tally.confusion is None:
        return None
    total = tally.confusion.sum(axis=0)
    scores = {name: float(value) for name, value in recognition_scores(total * 1.0).items()}
    return Recognition(clips=int(total.sum()), classes=classes, **scores)


def spotting_intervals(
    tally: Tally, unit: NDArray[np.int64], *, draws: int, seed: int
) -> SpottingIntervals | None:
    """95 % percentile intervals by drawing units with replacement; None for fewer than two.

    Args:
        tally: The counts of each video.
        unit: As `units_of` gives it.
        draws: How many times units are drawn.
        seed: Of the random draws; the same seed gives the same intervals.
    """
    units = int(unit.max(initial=-1)) + 1
    if units < 2:
        return None
    times = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), size=draws)
    # A video is drawn as often as its unit.
    often = times[:, unit].astype(np.float64)
    hits, found, truth = (often @ each for each in (tally.hits, tally.found, tally.truth))
    f1 = np.divide(2 * hits, found + truth, out=np.zeros_like(hits), where=found + truth > 0)
    whole = truth > 0
    strs = alarms = None
    if tally.confusion is not None:
        drawn = np.tensordot(often, tally.confusion, axes=1)
        strs = _percentiles(f1 * recognition_scores(drawn)["f1"], whole)
    if tally.seconds is not None:
        minutes = often @ tally.seconds / 60
        seen = minutes > 0
        rate = np.divide(found - hits, minutes, out=np.zeros_like(hits), where=seen)
        alarms = _percentiles(rate, seen)
    return SpottingIntervals(
        f1=_percentiles(f1, whole),
        strs=strs,
        false_alarms_per_minute=alarms,
        draws=int(whole.sum()),
    )


def _percentiles(values: Numbers, used: NDArray[np.bool_]) -> Interval | None:
    """Return the interval of the values that are used; None where half of them or more are not."""
    if 2 * used.sum() <= len(values):
        return None
    low, high = np.quantile(values[used], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
