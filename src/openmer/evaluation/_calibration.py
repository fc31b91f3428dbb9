"""Calibrated confidence: scores as probabilities that mean what they say, on subjects not seen.

One number, the temperature T, divides the logits of a model before the softmax. It changes no class
and no order of the classes of a clip, only how sure the model sounds. It is fitted on predictions
of subjects who were held out; on subjects of the training a model is always right and always sure.

To say what T is worth, each subject gets the T and the threshold (`openmer.evaluation._abstention`)
that were fitted without that subject; what a model is given is fitted on all of them.

A machine of balanced classes holds rare classes for likelier than they are. A temperature for each
class that is the largest score mends that: it, too, changes no class.

What T cannot do: it corrects neither the share of the classes, which in a corpus is not that of a
street, nor a difference between corpora, nor a single clip.

References:
    Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML:
    temperature scaling, and the expected calibration error of section 2.
    Brier (1950), Verification of forecasts expressed in terms of probability.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from openmer.config import Record
from openmer.errors import DataError, ProtocolError
from openmer.evaluation._abstention import LEAST_CONFIDENCE, TARGET, answered, choose_threshold
from openmer.evaluation._metrics import Numbers
from openmer.evaluation._predictions import PredictionTable, require_same_clips
from openmer.evaluation._read_run import RunInfo

ScoreKind = Literal["network", "svm", "kernel"]
_Fitted = tuple[float | tuple[float, ...], float | None]  # temperatures, threshold

BINS = 10
COLDEST, HOTTEST = 0.05, 100.0

_LEAST_ROWS = 10
_LEAST = float(np.finfo(np.float32).tiny)  # a float32 softmax can come out as 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibratedByOthers:
    """Probabilities of held-out subjects before and after calibration, one row per clip and seed.

    Attributes:
        subjects: Held-out subject of every row.
        truth: True class index, shape ``(rows,)``.
        classes: Class names in the order of their indices.
        before: Probabilities of the scores as they are, shape ``(rows, classes)``.
        after: Probabilities by the temperature of the other subjects, same shape.
        answered: Whether the confidence reaches the threshold that the other subjects chose, shape
            ``(rows,)``.
    """

    subjects: tuple[str, ...]
    truth: NDArray[np.int64]
    classes: tuple[str, ...]
    before: Numbers
    after: Numbers
    answered: NDArray[np.bool_]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the most likely class is the true one, shape ``(rows,)``."""
        return np.asarray(self.before.argmax(axis=1) == self.truth)


class ProbabilityErrors(Record):
    """How far probabilities are off; smaller is better.

    Attributes:
        ece: Expected calibration error in bins of equal width, 0..1.
        brier: Brier score, 0..2.
        nll: Negative log-likelihood of the true class, in nats.
    """

    ece: float
    brier: float
    nll: float


class Calibration(Record):
    """What makes a confidence of scores, and how far it was right on subjects not seen.

    All but the temperature and the threshold themselves was measured on every held-out subject with
    the temperature and the threshold of the others.

    Attributes:
        temperature: Divides the logits before the softmax, `COLDEST`..`HOTTEST`.
        class_temperatures: In place of it, where the largest score is that of each class, in their
            order; empty where one temperature does for all.
        held_out: What was: ``subject``, or ``corpus``, which is then calibrated by others.
        before: Errors of the scores as they are.
        after: Errors of the calibrated probabilities.
        bins: Of the expected calibration error.
        abstain_below: Below this confidence the model says nothing.
        target: Share of right answers that the threshold was chosen for; None where none reaches
            it, so that the threshold is one half.
        coverage: Share of clips that are answered.
        accuracy: Share of these that are right; None where nothing is answered.
        clips: Clips that were scored.
        subjects: Subjects who were held out.
        seeds: Seeds whose predictions were taken together.
        run: ``method/hash`` of the run that it comes from; empty where no file has it.
    """

    temperature: float = Field(gt=0)
    class_temperatures: tuple[PositiveFloat, ...] = ()
    held_out: Literal["subject", "corpus"] = "subject"
    before: ProbabilityErrors
    after: ProbabilityErrors
    bins: int = BINS
    abstain_below: float = Field(ge=0, le=1)
    target: float | None
    coverage: float
    accuracy: float | None
    clips: int
    subjects: int
    seeds: tuple[int, ...]
    run: str = ""

    def probabilities(self, scores: Sequence[float], kind: ScoreKind) -> tuple[float, ...]:
        """Calibrated probabilities of one clip, in the order of its scores; they sum to 1.

        Args:
            scores: Of the model, one per class.
            kind: As in `logits_of`.

        Raises:
            DataError: A score is not finite, or is none of this kind.
        """
        logits = logits_of(np.asarray(scores, dtype=np.float64), kind)
        return tuple(probabilities_at(logits, self.temperatures).tolist())

    @property
    def temperatures(self) -> float | tuple[float, ...]:
        """The temperatures of the classes, or the one of all."""
        return self.class_temperatures or self.temperature

    def __str__(self) -> str:
        answers = "none of them"
        if self.accuracy is not None:
            answers = f"{self.accuracy:.0%} of these answers were right"
        return (
            f"from {self.abstain_below:.2f} on the model answers: {self.coverage:.0%} of the clips "
            f"of {self.subjects} subjects it had not seen, {answers}"
        )


def logits_of(scores: Numbers, kind: ScoreKind) -> Numbers:
    """Scores as logits, up to a constant per row: what a temperature divides.

    Args:
        scores: Shape ``(..., classes)``: probabilities of a network or a kernel classifier, or
            decision values of a support vector machine.
        kind: Which of them.

    Raises:
        DataError: A score is not finite, or a probability is negative.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise DataError("Scores to calibrate must be finite. Score the clips again.")
    if kind == "svm":
        return values
    if (values < 0).any():
        raise DataError(
            f"Found the score {values.min():g}, expected probabilities of a network, 0..1. Say "
            "kind='svm' for decision values."
        )
    logits: Numbers = np.log(np.maximum(values, _LEAST))
    return logits


def probabilities_at(logits: Numbers, temperature: float | Sequence[float]) -> Numbers:
    """Softmax of logits over a temperature, along the last axis; every row sums to 1.

    Args:
        logits: Shape ``(..., classes)``.
        temperature: Of all rows; or of each class, for the rows where its logit is the largest.
    """
    found = np.asarray(temperature, dtype=np.float64)
    scaled = logits / (found[logits.argmax(axis=-1)][..., None] if found.ndim else found)
    grown = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: Numbers = grown / grown.sum(axis=-1, keepdims=True)
    return shares


def fit_temperature(logits: Numbers, truth: NDArray[np.int64]) -> float:
    """Fit the temperature T that makes the true classes most likely.

    The negative log-likelihood is convex in 1/T, so the place where its slope changes sign is the
    only minimum.

    Args:
        logits: Shape ``(clips, classes)``, finite.
        truth: True class index of each clip.

    Returns:
        T in `COLDEST`..`HOTTEST`; an end of it where the minimum lies beyond. Scores that say
        nothing get the hottest, and so the same probability for every class.
    """
    from scipy.optimize import brentq

    if not len(logits) or len(logits) != len(truth):
        raise DataError(
            f"Found {len(logits)} rows of scores and {len(truth)} true classes; expected as many "
            "of each, at least one."
        )
    of_truth = np.take_along_axis(logits, truth[:, None], axis=1)[:, 0]

    def slope(log_of_inverse: float) -> float:
        shares = probabilities_at(logits, float(np.exp(-log_of_inverse)))
        return float(((shares * logits).sum(axis=1) - of_truth).mean())

    low, high = -np.log(HOTTEST), -np.log(COLDEST)
    if slope(low) >= 0:
        return HOTTEST
    if slope(high) <= 0:
        return COLDEST
    return float(np.exp(-brentq(slope, low, high, xtol=1e-9)))


def fit_class_temperatures(logits: Numbers, truth: NDArray[np.int64]) -> tuple[float, ...]:
    """Fit a temperature for each class on the clips whose largest logit is its own.

    A class of fewer than ten such clips gets the temperature of all.

    Args:
        logits: As in `fit_temperature`.
        truth: As there.
    """
    said = logits.argmax(axis=1)
    rows = [np.flatnonzero(said == number) for number in range(logits.shape[1])]
    together = fit_temperature(logits, truth)
    return tuple(
        fit_temperature(logits[own], truth[own]) if len(own) >= _LEAST_ROWS else together
        for own in rows
    )


def confidence_bins(confidence: Numbers, bins: int = BINS) -> NDArray[np.int64]:
    """Find the bin of each confidence: of equal width over 0..1, each with its upper end."""
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    return np.digitize(confidence, edges, right=True).astype(np.int64)


def quality_of(
    probabilities: Numbers, truth: NDArray[np.int64], *, bins: int = BINS
) -> ProbabilityErrors:
    """Compute expected calibration error, Brier score and negative log-likelihood.

    Args:
        probabilities: Shape ``(clips, classes)``, at least one clip.
        truth: True class index of each clip.
        bins: Of the expected calibration error.
    """
    confidence = probabilities.max(axis=1)
    off = confidence - (probabilities.argmax(axis=1) == truth)
    gaps = np.bincount(confidence_bins(confidence, bins), weights=off, minlength=bins)
    wanted = np.eye(probabilities.shape[1])[truth]
    of_truth = np.take_along_axis(probabilities, truth[:, None], axis=1)
    return ProbabilityErrors(
        ece=float(np.abs(gaps).sum() / len(truth)),
        brier=float(((probabilities - wanted) ** 2).sum(axis=1).mean()),
        nll=float(-np.log(np.maximum(of_truth, _LEAST)).mean()),
    )


def calibrate(
    table: PredictionTable,
    kind: ScoreKind,
    *,
    target: float = TARGET,
    by_class: bool = False,
    inside: Mapping[str, PredictionTable] | None = None,
) -> tuple[Calibration, CalibratedByOthers]:
    """Fit temperature and threshold, and measure what they are worth on subjects not seen.

    Args:
        table: Leave-one-subject-out predictions of an honest run.
        kind: As in `logits_of`.
        target: Share of right answers to choose the threshold for, above 0 and at most 1.
        by_class: Fit a temperature for each class that is answered.
        inside: Given, the table is of leave-one-corpus-out, and what calibrates each corpus are
            these predictions of the other corpora, by models that have not seen it.

    Returns:
        What was fitted on all, and every subject, or corpus, calibrated by the others.

    Raises:
        DataError: The clips of the seeds differ; or as `logits_of`.
        ProtocolError: There is one subject alone.
    """
    fit = partial(_settled, target=target, by_class=by_class, seeds=len(table.seeds))
    found = _calibrated_by_others(table, kind, fit, inside)
    logits = logits_of(table.scores, kind)
    temperatures, threshold = fit(logits, table.truth)
    says = found.answered
    calibration = Calibration(
        temperature=fit_temperature(logits, table.truth),
        class_temperatures=temperatures if isinstance(temperatures, tuple) else (),
        held_out="subject" if inside is None else "corpus",
        before=quality_of(found.before, found.truth),
        after=quality_of(found.after, found.truth),
        abstain_below=LEAST_CONFIDENCE if threshold is None else threshold,
        target=None if threshold is None else target,
        coverage=float(says.mean()),
        accuracy=float(found.right[says].mean()) if says.any() else None,
        subjects=len(set(table.subjects)),
        clips=len(set(table.clips)),
        seeds=table.seeds,
    )
    return calibration, found


def _calibrated_by_others(
    table: PredictionTable,
    kind: ScoreKind,
    fit: Callable[[Numbers, NDArray[np.int64]], _Fitted],
    inside: Mapping[str, PredictionTable] | None,
) -> CalibratedByOthers:
    """Calibrate every subject by the others, or every corpus by what lies inside the others."""
    require_same_clips(table)
    if inside is None and len(set(table.subjects)) < 2:
        raise ProtocolError(
            "One subject alone cannot be calibrated by others. Give a run over two or more."
        )
    groups = np.array(table.subjects if inside is None else table.corpora)
    logits = logits_of(table.scores, kind)
    after = np.empty_like(logits)
    says = np.empty(len(table), dtype=np.bool_)
    for name in np.unique(groups):
        own = groups == name
        others, truth = logits[~own], table.truth[~own]
        if inside is not None:
            others, truth = logits_of(inside[name].scores, kind), inside[name].truth
        temperatures, threshold = fit(others, truth)
        after[own] = probabilities_at(logits[own], temperatures)
        says[own] = answered(after[own], LEAST_CONFIDENCE if threshold is None else threshold)
    return CalibratedByOthers(
        subjects=table.subjects,
        truth=table.truth,
        classes=table.classes,
        before=probabilities_at(logits, 1.0),
        after=after,
        answered=says,
    )


def kind_of_scores(info: RunInfo) -> ScoreKind:
    """Return the kind of a run's scores, which follows from the training of its method."""
    training = info.method_table.get("training", {})
    if training.get("kind") == "kernel":
        return "kernel"
    is_svm = training.get("kind") == "svm" or training.get("classifier", "head") != "head"
    return "svm" if is_svm else "network"


def _settled(
    logits: Numbers, truth: NDArray[np.int64], target: float, *, by_class: bool, seeds: int
) -> _Fitted:
    fit = fit_class_temperatures if by_class else fit_temperature
    found = fit(logits, truth)
    return found, choose_threshold(probabilities_at(logits, found), truth, target, seeds=seeds)
