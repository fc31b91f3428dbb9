"""What a model says of itself: ``model.json``, and the one line that goes with every prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from openmer.evaluation import Calibration, Estimate, ScoreKind, list_metrics
from openmer.training import Record

PACKAGES = ("numpy", "torch", "timm", "scikit-learn", "safetensors")


_LEFT_OUT = {"loso": "leave-one-subject-out", "loco": "leave-one-corpus-out"}


class ModelEstimate(Record):
    """How well the way of training does on subjects, or on a corpus, that it has not seen.

    It speaks of models trained like this one on all but one, on the same clips.

    Attributes:
        scores: Every metric that is defined, pooled over folds, by its name.
        epoch_rule: How the epoch was chosen without the held-out subject.
        clips: Clips that were tested.
        subjects: Subjects who were held out.
        seeds: Seeds that it is a mean of.
        folds: What was held out: each subject (``loso``) or each corpus (``loco``).
        run: ``method/hash`` of the run that it comes from.
        audit: What was proven of that run; empty in models of before.
    """

    scores: dict[str, Estimate]
    epoch_rule: Literal["fixed", "inner"]
    clips: int
    subjects: int
    seeds: tuple[int, ...]
    folds: Literal["loso", "loco"] = "loso"
    run: str
    audit: str = ""

    def __str__(self) -> str:
        named = [(metric.title, self.scores.get(metric.name)) for metric in list_metrics(main=True)]
        scores = ", ".join(f"{title} {_with_ends(found)}" for title, found in named if found)
        return (
            f"{scores}; {_LEFT_OUT[self.folds]}, {self.subjects} subjects, {self.clips} clips, "
            f"epoch rule {self.epoch_rule}{', ' * bool(self.audit)}{self.audit}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a model says of one clip.

    Attributes:
        likeliest: The class of the largest score, the first one on a tie.
        class_name: The same; None where the model is not sure enough to say it.
        confidence: Calibrated probability of `likeliest`, 0..1; None where the model is not
            calibrated, which then says its class without knowing how sure it is.
        probabilities: Calibrated, of each class in the order of the model; empty likewise.
        reason: Why it says no class, or why there is no confidence; else "".
    """

    likeliest: str
    class_name: str | None
    confidence: float | None
    probabilities: tuple[float, ...]
    reason: str


class CorpusCount(Record):
    """How much of one corpus went into a model."""

    clips: int
    subjects: int


class TrainedOn(Record):
    """What a model has learned from.

    Attributes:
        what: Its kind, in words.
        corpora: Clips and subjects of each corpus; empty where no clip was among it.
        classes: Clips of each class; empty likewise.
        chose_epoch: Of these clips, how many trained no weight but chose the epoch.
        failures: Clips that could not be prepared and were left out.
        source: Where the clips came from, as in a run's record.
    """

    what: str
    corpora: dict[str, CorpusCount] = Field(default_factory=dict)
    classes: dict[str, int] = Field(default_factory=dict)
    chose_epoch: int = 0
    failures: int = 0
    source: dict[str, Any] = Field(default_factory=dict)


class ModelRecord(Record):
    """The contents of ``model.json``.

    Attributes:
        format: Form of the folder.
        method: Name of the method.
        title: How tables call it.
        kind: ``network``: scores are probabilities (softmax, before any calibration). ``svm``:
            scores are one-against-rest decision values, of the input or of what a network makes of
            it. ``kernel``: scores are probabilities that inner subjects calibrated.
        classes: Class names in the order of the scores.
        label_scheme: What groups annotators' words into these classes.
        units: Action units that it answers beside the class; empty for none.
        unit_thresholds: From which probability each of them is present, in (0, 1).
        input_shape: ``(channels, height, width)`` of a prepared clip.
        parameters: Trainable numbers of the network; 0 where there is none.
        seed: Seed of the training.
        epoch_rule: How the epoch was chosen.
        epoch: The epoch whose weights these are; 0 where there are no epochs.
        trained_on: What it has learned from.
        estimate: How well this way of training does on unseen subjects; None where nobody measured.
        other_corpus: The same on a corpus it has not seen: the nearest to videos of another camera.
        calibration: What makes a confidence of its scores; None where nobody measured.
        note: What else a reader should know, a text in Markdown; shown on the card.
        method_sha256: Digest of ``method.toml``, 64 hex digits; "" where it is not in a folder.
        weights_sha256: Digest of the file of weights, 64 hex digits.
        versions: Of the packages that matter.
    """

    format: Literal[1] = 1
    method: str
    title: str
    kind: ScoreKind
    classes: tuple[str, ...]
    label_scheme: str
    units: tuple[int, ...] = ()
    unit_thresholds: tuple[float, ...] = ()
    input_shape: tuple[int, int, int]
    parameters: int
    seed: int
    epoch_rule: Literal["fixed", "inner"]
    epoch: int
    trained_on: TrainedOn
    estimate: ModelEstimate | None = None
    other_corpus: ModelEstimate | None = None
    calibration: Calibration | None = None
    note: str = ""
    method_sha256: str = ""
    weights_sha256: str = ""
    versions: dict[str, str]

    @property
    def meaning(self) -> str:
        """What one score is, and whether a confidence can be made of it."""
        value, logit = "probability", "log(probability)"
        if self.kind == "svm":
            value, logit = "decision value, one against the rest", "value"
        if self.calibration is None:
            return f"{value}, not calibrated"
        found = self.calibration
        by_class = ", ".join(
            f"{one:.4g} for {name}"
            for name, one in zip(self.classes, found.class_temperatures, strict=False)
        )
        if by_class:
            by_class = f"T), T of the largest score: {by_class}"
        return (
            f"{value}, before calibration; calibrated: softmax({logit} / "
            f"{by_class or f'{found.temperature:.4g})'}"
        )

    @property
    def caution(self) -> str:
        """One line on how far the scores can be trusted."""
        if self.estimate is not None:
            other = self.other_corpus
            more = f" On a corpus it has not seen: {other}." if other is not None else ""
            return f"On subjects it has not seen: {self.estimate}.{more}"
        if not self.trained_on.corpora:
            return (
                f"Trained on {self.trained_on.what} only and never on a micro-expression: how well "
                "it does on micro-expressions is not known."
            )
        return "No honest estimate was made: how well it does on unseen subjects is not known."

    def decide(self, scores: Sequence[float]) -> Decision:
        """Decide on the class of one clip, or that the model is not sure enough to name one.

        Args:
            scores: Of the model, finite, one per class.

        Raises:
            DataError: As `Calibration.probabilities`.
        """
        winner = int(np.argmax(scores))
        likeliest = self.classes[winner]
        found = self.calibration
        if found is None:
            return Decision(
                likeliest=likeliest,
                class_name=likeliest,
                confidence=None,
                probabilities=(),
                reason="the model is not calibrated, so how sure it is is not known",
            )
        probabilities = found.probabilities(scores, self.kind)
        confidence = probabilities[winner]
        sure = confidence >= found.abstain_below
        return Decision(
            likeliest=likeliest,
            class_name=likeliest if sure else None,
            confidence=confidence,
            probabilities=probabilities,
            reason="" if sure else f"confidence {confidence:.3f} is below {found.abstain_below:g}",
        )


def _with_ends(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return f"{found.value:.3f}"
    return f"{found.value:.3f} (95 % {found.low:.3f} to {found.high:.3f})"
