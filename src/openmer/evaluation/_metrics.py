"""Scores of a classifier as functions of two arrays of class indices, pooled over all folds.

Every score is computed from one confusion matrix with the counts of all folds added up, as MEGC
2019 asks. The mean of per-fold scores is another number: most subjects lack a class.

What happens to a class that never occurs in the truth is stated by `absent`:

* ``"error"`` (the default, for a whole task): `openmer.errors.ProtocolError`, since its F1 and
  recall would be 0/0.
* ``"skip"`` (for a part, such as one corpus of a composite): the class is left out of the mean, and
  the result lists it in `Scores.skipped`.

References:
    See et al. (2019), MEGC 2019: the Second Facial Micro-Expressions Grand Challenge (UF1, UAR).
    Opitz and Burst (2019), Macro F1 and Macro F1 (mean of F1 against F1 of means).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError, ProtocolError

Indices = NDArray[np.integer[Any]]
Counts = NDArray[np.int64]
Numbers = NDArray[np.float64]
Absent = Literal["error", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The three scores of one set of predictions, each in 0..1.

    Attributes:
        uf1: Unweighted F1, the mean over classes of F1.
        uar: Unweighted average recall.
        accuracy: Share of clips whose class is right.
        clips: Number of clips that were scored.
        skipped: Indices of classes without a clip, left out of `uf1` and `uar`.
    """

    uf1: float
    uar: float
    accuracy: float
    clips: int
    skipped: tuple[int, ...] = ()


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StackedScores:
    """Scores of a stack of confusion matrices; arrays have the shape of the stack.

    Attributes:
        uf1: 0..1, over the classes that have clips; 0 where a matrix is empty.
        uar: 0..1, over the classes that have clips; 0 where a matrix is empty.
        accuracy: 0..1; 0 where a matrix is empty.
        complete: True where every class has a clip.
    """

    uf1: Numbers
    uar: Numbers
    accuracy: Numbers
    complete: NDArray[np.bool_]


def confusion_matrix(truth: Indices, predicted: Indices, *, num_classes: int) -> Counts:
    """How often each class was taken for each class.

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


def pooled_scores(
    truth: Indices, predicted: Indices, *, num_classes: int, absent: Absent = "error"
) -> Scores:
    """UF1, UAR and accuracy of predictions pooled over all folds.

    Args:
        truth: True class index of every clip, shape ``(clips,)``.
        predicted: Predicted class index of the same clips, shape ``(clips,)``.
        num_classes: Number of classes.
        absent: What to do about a class without a clip; see the module.

    Raises:
        DataError: The arrays cannot be scored.
        ProtocolError: A class has no clip and `absent` is ``"error"``.
    """
    counts = confusion_matrix(truth, predicted, num_classes=num_classes)
    skipped = absent_classes(counts)
    if absent == "error":
        _require_every_class(counts)
    scores = stacked_scores(counts)
    return Scores(
        uf1=float(scores.uf1),
        uar=float(scores.uar),
        accuracy=float(scores.accuracy),
        clips=int(counts.sum()),
        skipped=skipped,
    )


def unweighted_f1(truth: Indices, predicted: Indices, *, num_classes: int) -> float:
    """Mean over classes of F1 from counts pooled over all folds (the "UF1" of MEGC 2019), 0..1.

    Raises:
        DataError: The arrays cannot be scored.
        ProtocolError: A class never occurs in `truth`.
    """
    return pooled_scores(truth, predicted, num_classes=num_classes).uf1


def unweighted_average_recall(truth: Indices, predicted: Indices, *, num_classes: int) -> float:
    """Mean over classes of the share of its clips that was found (the "UAR" of MEGC 2019), 0..1.

    Raises:
        DataError: The arrays cannot be scored.
        ProtocolError: A class never occurs in `truth`.
    """
    return pooled_scores(truth, predicted, num_classes=num_classes).uar


def accuracy(truth: Indices, predicted: Indices, *, num_classes: int) -> float:
    """Share of clips whose class is right, 0..1; large classes dominate it.

    Raises:
        DataError: The arrays cannot be scored.
    """
    return pooled_scores(truth, predicted, num_classes=num_classes, absent="skip").accuracy


def per_class(truth: Indices, predicted: Indices, *, num_classes: int) -> PerClass:
    """Precision, recall, F1 and number of clips of every class, each of shape ``(classes,)``.

    Raises:
        DataError: The arrays cannot be scored.
    """
    return per_class_of(confusion_matrix(truth, predicted, num_classes=num_classes))


def f1_of_mean_precision_recall(truth: Indices, predicted: Indices, *, num_classes: int) -> float:
    """F1 of the mean precision and the mean recall, 0..1: what some papers print as "F1".

    It is not UF1: it is at least as large, and the two may rank methods differently.

    Raises:
        DataError: The arrays cannot be scored.
        ProtocolError: A class never occurs in `truth`.
    """
    counts = confusion_matrix(truth, predicted, num_classes=num_classes)
    _require_every_class(counts)
    found = per_class_of(counts)
    precision, recall = float(found.precision.mean()), float(found.recall.mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def per_class_of(counts: NDArray[Any]) -> PerClass:
    """`per_class` from confusion matrices, shape ``(..., classes, classes)``, rows the truth."""
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


def stacked_scores(counts: NDArray[Any]) -> StackedScores:
    """Scores of many confusion matrices at once; classes without a clip are skipped.

    Args:
        counts: Confusion matrices, shape ``(..., classes, classes)``, rows the truth.
    """
    found = per_class_of(counts)
    here = found.support > 0
    classes = np.maximum(here.sum(axis=-1), 1)
    clips = np.maximum(counts.sum(axis=(-2, -1)), 1)
    return StackedScores(
        uf1=np.where(here, found.f1, 0.0).sum(axis=-1) / classes,
        uar=np.where(here, found.recall, 0.0).sum(axis=-1) / classes,
        accuracy=np.trace(counts, axis1=-2, axis2=-1) / clips,
        complete=np.asarray(here.all(axis=-1)),
    )


def absent_classes(counts: NDArray[Any]) -> tuple[int, ...]:
    """Return indices of the classes without a clip in one confusion matrix."""
    return tuple(int(i) for i in np.flatnonzero(counts.sum(axis=1) == 0))


def _require_every_class(counts: Counts) -> None:
    absent = absent_classes(counts)
    if absent:
        raise ProtocolError(
            f"Class index {', '.join(map(str, absent))} of 0..{len(counts) - 1} never occurs in "
            f"the truth of {counts.sum()} clips, so its F1 and recall are undefined. Add clips of "
            "that class, or score a part with absent='skip'."
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
