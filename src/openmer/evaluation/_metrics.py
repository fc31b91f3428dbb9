"""Metrics of a classifier: each one function, registered once, and shown wherever scores are.

A metric is a function of confusion matrices with the counts of all folds added up, as MEGC 2019
asks; the mean of per-fold scores is another number, since most subjects lack a class. A metric that
no count can give, such as the area under a curve, is a function of the scores themselves.

A class that never occurs in the truth has no F1 and no recall: it is left out of means over
classes, as for a corpus of a composite that lacks it. `require_every_class` refuses such counts
where a whole task is scored.

    @register_metric("error_rate", "Error rate")
    def error_rate(counts):
        return 1 - accuracy(counts)

References:
    See et al. (2019), MEGC 2019: the Second Facial Micro-Expressions Grand Challenge (UF1, UAR).
    Opitz and Burst (2019), Macro F1 and Macro F1 (mean of F1 against F1 of means).
    Cohen (1960), A coefficient of agreement for nominal scales (kappa).
    Gorodkin (2004), Comparing two K-category assignments by a K-category correlation coefficient
    (MCC of several classes).
    Hand and Till (2001), A simple generalisation of the area under the ROC curve (here: one class
    against all others, mean over classes).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError, ProtocolError
from openmer.registry import Registry

Indices = NDArray[np.integer[Any]]
Counts = NDArray[np.int64]
Numbers = NDArray[np.float64]
OfCounts = Callable[[NDArray[Any]], Numbers]
"""Confusion matrices ``(..., classes, classes)``, rows the truth, to values ``(...)``."""
OfScores = Callable[[Indices, Numbers, Numbers], Numbers]
"""Truth ``(clips,)``, scores ``(clips, classes)`` and how often each clip counts ``(draws, clips)``
to values ``(draws,)``."""
_F = TypeVar("_F", OfCounts, OfScores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What a score is called and how it is computed; larger is better.

    Attributes:
        name: Short name, as in tables of numbers ("uf1").
        title: As readers know it ("UF1").
        of: Whether `function` is one of counts or of scores.
        function: As `OfCounts` or `OfScores`. NaN stands for a value that is not defined.
        main: Whether it stands in the first table of every report; the others stand in a second.
    """

    name: str
    title: str
    of: Literal["counts", "scores"]
    function: Callable[..., Numbers]
    main: bool


METRICS: Registry[Metric] = Registry("metric")


def register_metric(
    name: str, title: str, *, of: Literal["counts", "scores"] = "counts", main: bool = False
) -> Callable[[_F], _F]:
    """Return a decorator that lists a metric; every summary, interval and report then has it.

    Args:
        name: Short name in tables of numbers: lower case letters, digits and underscores.
        title: As readers know it.
        of: Whether the function takes confusion matrices, or the scores of the clips.
        main: Whether it stands in the first table of every report.

    Returns:
        The decorator. The function takes confusion matrices ``(..., classes, classes)``, rows the
        truth, and returns values ``(...)``, larger is better. With ``of="scores"`` it takes the
        truth ``(clips,)``, scores ``(clips, classes)`` and how often each clip counts
        ``(draws, clips)``, and returns values ``(draws,)``.

    Raises:
        ValueError: The name is taken, or has other characters.

    Example:
        @openmer.register_metric("right_share", "Share of right clips")
        def right_share(counts):
            return counts.trace(axis1=-2, axis2=-1) / counts.sum(axis=(-2, -1))
    """
    if not name.isidentifier() or name != name.lower():
        raise ValueError(f"The metric name {name!r} must be lower case letters, digits and _.")

    return METRICS.decorator(
        name, lambda found: Metric(name=name, title=title, of=of, function=found, main=main)
    )


def list_metrics(*, main: bool | None = None) -> list[Metric]:
    """List all metrics in the order of their registration.

    Args:
        main: Only those of the first table, or only the others; None lists both.
    """
    return [METRICS[name] for name in METRICS if main in (None, METRICS[name].main)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PerClass:
    """Scores of every class, arrays of shape ``(..., classes)``.

    Attributes:
        precision: 0..1; 0 for a class that was never predicted.
        recall: 0..1; NaN for a class without a clip.
        f1: 0..1; NaN for a class without a clip.
        support: Number of clips of the class.
    """

    precision: Numbers
    recall: Numbers
    f1: Numbers
    support: NDArray[Any]


@register_metric("uf1", "UF1", main=True)
def uf1(counts: NDArray[Any]) -> Numbers:
    """Compute unweighted F1, the mean over classes of F1, 0..1; 0 where a matrix is empty."""
    found = per_class_of(counts)
    return _mean_over_classes(found.f1, found.support)


@register_metric("uar", "UAR", main=True)
def uar(counts: NDArray[Any]) -> Numbers:
    """Compute unweighted average recall, 0..1; 0 where a matrix is empty."""
    found = per_class_of(counts)
    return _mean_over_classes(found.recall, found.support)


@register_metric("accuracy", "Accuracy", main=True)
def accuracy(counts: NDArray[Any]) -> Numbers:
    """Compute the share of clips whose class is right, 0..1; 0 where a matrix is empty."""
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)), 0.0)


@register_metric("f1_of_means", "F1 of means")
def f1_of_means(counts: NDArray[Any]) -> Numbers:
    """Compute F1 of the mean precision and the mean recall, 0..1: what some papers print as "F1".

    It is not UF1: it is at least as large, and the two may rank methods differently.
    """
    found = per_class_of(counts)
    precision = _mean_over_classes(found.precision, found.support)
    recall = _mean_over_classes(found.recall, found.support)
    both = precision + recall
    return _ratio(2 * precision * recall, both, 0.0)


@register_metric("kappa", "Cohen's kappa")
def kappa(counts: NDArray[Any]) -> Numbers:
    """Compute Cohen's kappa, agreement beyond chance, -1..1; NaN where chance agrees always."""
    values = counts.astype(np.float64)
    clips = values.sum(axis=(-2, -1))
    chance = _ratio((values.sum(axis=-1) * values.sum(axis=-2)).sum(axis=-1), clips**2, 0.0)
    agreed = _ratio(np.trace(values, axis1=-2, axis2=-1), clips, 0.0)
    return _ratio(agreed - chance, 1 - chance, np.nan)


@register_metric("mcc", "MCC")
def mcc(counts: NDArray[Any]) -> Numbers:
    """Compute Matthews' correlation of several classes, -1..1; 0 where a side has one class only.

    As scikit-learn has it.
    """
    values = counts.astype(np.float64)
    truth, predicted = values.sum(axis=-1), values.sum(axis=-2)
    clips, right = values.sum(axis=(-2, -1)), np.trace(values, axis1=-2, axis2=-1)
    joint = right * clips - (truth * predicted).sum(axis=-1)
    spread = (clips**2 - (truth**2).sum(axis=-1)) * (clips**2 - (predicted**2).sum(axis=-1))
    return _ratio(joint, np.sqrt(spread), 0.0)


@register_metric("auc", "Macro AUC", of="scores")
def macro_auc(truth: Indices, scores: Numbers, weights: Numbers) -> Numbers:
    """Compute the area under the ROC curve of each class against all others, mean over classes.

    Args:
        truth: True class index of every clip, shape ``(clips,)``.
        scores: Larger is more likely, shape ``(clips, classes)``.
        weights: How often each clip counts, shape ``(draws, clips)``.

    Returns:
        0..1, shape ``(draws,)``, 0.5 is chance; the mean over the classes that have both clips and
        other clips, NaN where there is none.
    """
    areas = [_auc(truth == i, scores[:, i], weights) for i in range(scores.shape[1])]
    found = np.stack(areas, axis=1)
    defined = ~np.isnan(found)
    return _ratio(np.where(defined, found, 0).sum(axis=1), defined.sum(axis=1), np.nan)


def _auc(positive: NDArray[np.bool_], score: Numbers, weights: Numbers) -> Numbers:
    """Compute the share of pairs of a positive and a negative clip in order; a tie is a half."""
    order = np.argsort(score, kind="stable")
    first = np.unique(score[order], return_index=True)[1]
    inside = np.where(positive[order], weights[:, order], 0)
    outside = weights[:, order] - inside
    hits, misses = (np.add.reduceat(part, first, axis=1) for part in (inside, outside))
    below = np.cumsum(misses, axis=1) - misses
    pairs = hits.sum(axis=1) * misses.sum(axis=1)
    area = (hits * (below + misses / 2)).sum(axis=1)
    return _ratio(area, pairs, np.nan)


def _ratio(above: Numbers, below: NDArray[Any], otherwise: float) -> Numbers:
    """Divide where the divisor is above 0."""
    made = np.full(np.shape(above), otherwise)
    return np.asarray(np.divide(above, below, out=made, where=below > 0))


def _mean_over_classes(values: Numbers, support: NDArray[Any]) -> Numbers:
    """Average over the classes that have clips; 0 where none has."""
    here = support > 0
    return _ratio(np.where(here, values, 0.0).sum(axis=-1), here.sum(axis=-1), 0.0)


def confusion_matrix(truth: Indices, predicted: Indices, *, num_classes: int) -> Counts:
    """Count how often each class was taken for each class.

    Args:
        truth: True class index of every clip, 0..num_classes-1, shape ``(clips,)``.
        predicted: Predicted class index of the same clips, shape ``(clips,)``.
        num_classes: Number of classes.

    Returns:
        Counts, shape ``(num_classes, num_classes)``; rows are the truth, columns the prediction.

    Raises:
        DataError: The arrays are empty, differ in length, or hold anything but class indices.
    """
    truth = _class_indices(truth, "truth", num_classes)
    predicted = _class_indices(predicted, "predicted", num_classes)
    if truth.shape != predicted.shape:
        raise DataError(
            f"There are {truth.size} true and {predicted.size} predicted classes. Pass one of each "
            "per clip."
        )
    if truth.size == 0:
        raise DataError("There is no clip to score. Pass at least one true and predicted class.")
    flat = np.bincount(truth * num_classes + predicted, minlength=num_classes**2)
    return flat.reshape(num_classes, num_classes).astype(np.int64)


def per_class_of(counts: NDArray[Any]) -> PerClass:
    """Compute scores of every class from counts ``(..., classes, classes)``, rows the truth."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)
    support, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    here = support > 0
    missing = np.where(here, 0.0, np.nan)
    return PerClass(
        precision=np.divide(hits, predicted, out=np.zeros_like(hits), where=predicted > 0),
        recall=np.divide(hits, support, out=missing.copy(), where=here),
        f1=np.divide(2 * hits, support + predicted, out=missing.copy(), where=here),
        support=support,
    )


def absent_classes(counts: NDArray[Any]) -> tuple[int, ...]:
    """Return indices of the classes without a clip in one confusion matrix."""
    return tuple(int(i) for i in np.flatnonzero(counts.sum(axis=1) == 0))


def require_every_class(counts: Counts) -> None:
    """Refuse counts in which a class has no clip.

    Raises:
        ProtocolError: There is such a class.
    """
    absent = absent_classes(counts)
    if absent:
        raise ProtocolError(
            f"Class index {', '.join(map(str, absent))} of 0..{len(counts) - 1} never occurs in "
            f"the truth of {counts.sum()} clips, so its F1 and recall are undefined. Add clips of "
            "that class, or choose a label scheme without it."
        )


def _class_indices(values: Indices, name: str, num_classes: int) -> Indices:
    found = np.asarray(values)
    if found.ndim != 1:
        raise DataError(f"`{name}` has shape {found.shape}; expected (clips,), one index per clip.")
    if found.size and not np.issubdtype(found.dtype, np.integer):
        raise DataError(f"`{name}` holds {found.dtype}; expected class indices as integers.")
    outside = found[(found < 0) | (found >= num_classes)]
    if outside.size:
        raise DataError(
            f"`{name}` holds class index {outside[0]}; expected 0..{num_classes - 1}. Check the "
            "label scheme."
        )
    return found.astype(np.int64)
