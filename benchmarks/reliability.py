"""A picture of how far a confidence can be trusted: reliability, and what saying nothing costs.

`benchmarks/default_model.py` draws it of the default model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from openmer.errors import ProtocolError
from openmer.evaluation import (
    BINS,
    LEVEL,
    CalibratedByOthers,
    Calibration,
    Interval,
    Numbers,
    PredictionTable,
    ProbabilityErrors,
    ScoreKind,
    confidence_bins,
    kind_of_scores,
    read_run,
    read_run_info,
)
from openmer.evaluation._abstention import answered
from openmer.evaluation._metrics import accuracy, confusion_matrix, uf1
from openmer.theme import (
    ACCENT,
    INK,
    LINE,
    OTHER,
    PAPER,
    SOFT,
    draw_frame,
    figure_bytes,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_IN, _DPI = (11.4, 4.3), 150
_COUNTS = 0.16  # height of the tallest bar of counts, in units of the axis
_FEW = 20  # predictions in a bin; below, its place says little


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """The clips of held-out subjects whose confidence lies in one bin.

    Attributes:
        low: Lower end of the bin, not in it.
        high: Upper end of the bin, in it.
        rows: Predictions in it, one per clip and seed.
        subjects: How many subjects they are of.
        confidence: Mean confidence.
        accuracy: Share that is right.
        interval: 95 % interval of `accuracy` by drawing subjects; None for a single subject.
    """

    low: float
    high: float
    rows: int
    subjects: int
    confidence: float
    accuracy: float
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveragePoint:
    """What answering from one confidence on gives; scores are of the answered clips alone.

    Attributes:
        confidence: The threshold, 0..1.
        coverage: Share of clips that are answered, 0..1.
        accuracy: Share of the answers that are right; None where nothing is answered.
        uf1: Over the classes that occur among the answered clips; None likewise.
    """

    confidence: float
    coverage: float
    accuracy: float | None
    uf1: float | None


def coverage_curve(
    probabilities: Numbers, truth: NDArray[np.int64], confidences: Sequence[float]
) -> tuple[CoveragePoint, ...]:
    """How coverage, accuracy and UF1 go with the threshold.

    Args:
        probabilities: Of held-out subjects, shape ``(clips, classes)``.
        truth: True class index of each clip.
        confidences: The thresholds, in the order of the result.
    """
    return tuple(_point(probabilities, truth, confidence) for confidence in confidences)


def _point(probabilities: Numbers, truth: NDArray[np.int64], confidence: float) -> CoveragePoint:
    says = answered(probabilities, confidence)
    if not says.any():
        return CoveragePoint(confidence=confidence, coverage=0.0, accuracy=None, uf1=None)
    predicted = probabilities[says].argmax(axis=1)
    counts = confusion_matrix(truth[says], predicted, num_classes=probabilities.shape[1])
    return CoveragePoint(
        confidence=confidence,
        coverage=float(says.mean()),
        accuracy=float(accuracy(counts)),
        uf1=float(uf1(counts)),
    )


def predictions_to_calibrate(folder: Path) -> tuple[PredictionTable, ScoreKind]:
    """Read the predictions of a finished, honest run, and the kind of their scores.

    Args:
        folder: Of the run, with its ``run.toml``.
    """
    info = read_run_info(folder)
    if info.leaky or info.shuffled_labels:
        why = "is leaky" if info.leaky else "was trained on shuffled labels"
        raise ProtocolError(
            f"{folder} {why}, so its scores do not say how sure a model is of subjects it has not "
            "seen. Give a run with the epoch rule fixed or inner, and the true labels."
        )
    return read_run(folder, seeds=info.seeds), kind_of_scores(info)


def reliability_bins(
    probabilities: Numbers,
    found: CalibratedByOthers,
    *,
    bins: int = BINS,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[ReliabilityBin, ...]:
    """Return the bins that are not empty, from low to high.

    Args:
        probabilities: `CalibratedByOthers.before` or `CalibratedByOthers.after`.
        found: Whose truth and subjects they have.
        bins: Of equal width over 0..1.
        draws: How many times subjects are drawn for the intervals.
        seed: Of these draws.
    """
    _, subject_id = np.unique(np.array(found.subjects), return_inverse=True)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == found.truth
    place = confidence_bins(confidence, bins)
    made = []
    for number in np.unique(place):
        own = place == number
        made.append(
            ReliabilityBin(
                low=float(number / bins),
                high=float((number + 1) / bins),
                rows=int(own.sum()),
                subjects=len(np.unique(subject_id[own])),
                confidence=float(confidence[own].mean()),
                accuracy=float(right[own].mean()),
                interval=_interval(subject_id[own], right[own], draws, seed),
            )
        )
    return tuple(made)


def draw_reliability(
    title: str,
    report: Calibration,
    found: CalibratedByOthers,
    *,
    form: Literal["png", "svg"] = "png",
) -> bytes:
    """Reliability before and after, and coverage against accuracy; same numbers, same bytes.

    Args:
        title: Of the figure.
        report: Made of the same predictions as `found`.
        found: Every subject calibrated by the others.
        form: The file's form.
    """
    figure = new_figure(*_SIZE_IN, dpi=_DPI)
    figure.text(0.045, 0.935, title, fontsize=13, weight="bold", color=INK, va="center")
    first, second, third = figure.subplots(1, 3)
    figure.subplots_adjust(left=0.052, right=0.985, top=0.76, bottom=0.12, wspace=0.2)
    _draw_bins(first, "before", reliability_bins(found.before, found), report.before)
    found_t = report.class_temperatures or (report.temperature,)
    after = f"after, T = {', '.join(f'{one:.2f}' for one in found_t)}"
    _draw_bins(second, after, reliability_bins(found.after, found), report.after)
    _draw_coverage(third, report, found)
    return figure_bytes(figure, form)


def _interval(
    subject_id: NDArray[np.integer], right: NDArray[np.bool_], draws: int, seed: int
) -> Interval | None:
    """Of a share, by drawing those subjects who have a clip in the bin."""
    _, number = np.unique(subject_id, return_inverse=True)
    clips = np.bincount(number).astype(np.float64)
    hits = np.bincount(number, weights=right)
    if len(clips) < 2:
        return None
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(clips), np.full(len(clips), 1 / len(clips)), size=draws)
    shares = (times @ hits) / (times @ clips)
    low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def _prepare(panel: Axes, title: str, below: str) -> None:
    draw_frame(panel)
    panel.set_ylim(0, 1.02)
    panel.set_title(title, loc="left", fontsize=11, color=INK, pad=20)
    panel.text(0, 1.025, below, transform=panel.transAxes, fontsize=8.5, color=SOFT, va="bottom")


def _draw_bins(
    panel: Axes, title: str, bins: tuple[ReliabilityBin, ...], quality: ProbabilityErrors
) -> None:
    scores = f"ECE {quality.ece:.3f}   Brier {quality.brier:.3f}   NLL {quality.nll:.3f}"
    _prepare(panel, title, scores)
    panel.set_xlim(0, 1.02)
    panel.plot([0, 1], [0, 1], color=SOFT, linewidth=0.9, linestyle=(0, (1, 2)))
    most = max(one.rows for one in bins)
    for one in bins:
        height = _COUNTS * one.rows / most
        panel.bar((one.low + one.high) / 2, height, width=0.9 * (one.high - one.low), color=LINE)
        panel.text(
            (one.low + one.high) / 2, height + 0.01, str(one.rows), fontsize=7, color=SOFT,
            ha="center", va="bottom",
        )  # fmt: skip
        if one.interval is not None:
            ends = (one.interval.low, one.interval.high)
            panel.plot([one.confidence] * 2, ends, color=ACCENT, linewidth=1.1, alpha=0.7)
        face = ACCENT if one.rows >= _FEW else PAPER
        panel.plot([one.confidence], [one.accuracy], "o", color=ACCENT, mfc=face, markersize=5)
    many = [one for one in bins if one.rows >= _FEW]
    line = [one.confidence for one in many], [one.accuracy for one in many]
    panel.plot(*line, color=ACCENT, linewidth=1.6, zorder=1.9)
    panel.set_xlabel(
        f"confidence; bars: predictions; hollow: below {_FEW}", color=SOFT, fontsize=9.5
    )
    panel.set_ylabel("share that is right", color=SOFT, fontsize=9.5)


def _draw_coverage(panel: Axes, report: Calibration, found: CalibratedByOthers) -> None:
    _prepare(panel, "saying nothing when unsure", "of the clips that are answered")
    points = coverage_curve(found.after, found.truth, [step / 100 for step in range(100)])
    shown = [one for one in points if one.coverage >= 0.05]
    coverage = [one.coverage for one in shown]
    for name, values, colour in (
        ("accuracy", [one.accuracy or 0.0 for one in shown], ACCENT),
        ("UF1", [one.uf1 or 0.0 for one in shown], OTHER),
    ):
        panel.plot(coverage, values, color=colour, linewidth=1.8, label=name)
    panel.set_xlim(1.02, 0)
    panel.axvline(report.coverage, color=SOFT, linewidth=0.9, linestyle=(0, (1, 2)))
    if report.accuracy is not None:
        panel.plot([report.coverage], [report.accuracy], "o", color=ACCENT, markersize=6)
    panel.text(
        report.coverage - 0.02, 0.04,
        f"threshold {report.abstain_below:.2f}:\n{report.coverage:.0%} answered"
        + (f",\n{report.accuracy:.0%} of them right" if report.accuracy is not None else ""),
        fontsize=8.5, color=SOFT, va="bottom",
    )  # fmt: skip
    panel.legend(
        loc="center left", frameon=False, fontsize=9, labelcolor="linecolor", handlelength=1.2
    )
    panel.set_xlabel("share of clips that are answered", color=SOFT, fontsize=9.5)
