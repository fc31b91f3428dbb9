"""What a model says of itself: ``model.json``, and the one line that goes with every prediction."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from openmer.training.config import Record

PACKAGES = ("numpy", "torch", "timm", "scikit-learn", "safetensors")
_Range = tuple[float, float]


class Estimate(Record):
    """How well the way of training does on persons it has not seen: leave-one-subject-out.

    It speaks of models trained like this one on all persons but one, on the same clips.

    Attributes:
        uf1: UF1 pooled over folds, mean over seeds, 0..1.
        uar: UAR likewise.
        accuracy: Accuracy likewise.
        uf1_interval: Low and high end of the 95 % interval by persons; None where none can be made.
        uar_interval: As `uf1_interval`.
        accuracy_interval: As `uf1_interval`.
        epoch_rule: How the epoch was chosen without the held-out person.
        clips: Clips that were tested.
        persons: Persons who were held out.
        seeds: Seeds that it is a mean of.
        run: ``method/hash`` of the run that it comes from.
    """

    uf1: float
    uar: float
    accuracy: float
    uf1_interval: _Range | None = None
    uar_interval: _Range | None = None
    accuracy_interval: _Range | None = None
    epoch_rule: Literal["fixed", "inner"]
    clips: int
    persons: int
    seeds: tuple[int, ...]
    run: str

    def __str__(self) -> str:
        scores = ", ".join(
            f"{name} {_with_range(value, interval)}"
            for name, value, interval in (
                ("UF1", self.uf1, self.uf1_interval),
                ("UAR", self.uar, self.uar_interval),
                ("accuracy", self.accuracy, self.accuracy_interval),
            )
        )
        return (
            f"{scores}; leave-one-subject-out, {self.persons} persons, {self.clips} clips, epoch "
            f"rule {self.epoch_rule}"
        )


class CorpusCount(Record):
    """How much of one corpus went into a model."""

    clips: int
    persons: int


class TrainedOn(Record):
    """What a model has learned from.

    Attributes:
        what: Its kind, in words.
        corpora: Clips and persons of each corpus; empty where no clip was among it.
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
        kind: ``network``: scores are probabilities (softmax, not calibrated). ``svm``: scores are
            one-against-rest decision values, of the input or of what a network makes of it.
        classes: Class names in the order of the scores.
        label_scheme: What groups annotators' words into these classes.
        input_shape: ``(channels, height, width)`` of a prepared clip.
        parameters: Trainable numbers of the network; 0 for a support vector machine.
        seed: Seed of the training.
        epoch_rule: How the epoch was chosen.
        epoch: The epoch whose weights these are; 0 where there are no epochs.
        trained_on: What it has learned from.
        estimate: How well this way of training does on unseen persons; None where nobody measured.
        method_sha256: Digest of ``method.toml``, 64 hex digits; "" where it is not in a folder.
        weights_sha256: Digest of the file of weights, 64 hex digits.
        versions: Of the packages that matter.
    """

    format: Literal[1] = 1
    method: str
    title: str
    kind: Literal["network", "svm"]
    classes: tuple[str, ...]
    label_scheme: str
    input_shape: tuple[int, int, int]
    parameters: int
    seed: int
    epoch_rule: Literal["fixed", "inner"]
    epoch: int
    trained_on: TrainedOn
    estimate: Estimate | None = None
    method_sha256: str = ""
    weights_sha256: str = ""
    versions: dict[str, str]

    @property
    def meaning(self) -> str:
        """What one score is."""
        if self.kind == "svm":
            return "decision value, one against the rest"
        return "probability, not calibrated"

    @property
    def caution(self) -> str:
        """One line on how far the scores can be trusted."""
        if self.estimate is not None:
            return f"On persons it has not seen: {self.estimate}."
        if not self.trained_on.corpora:
            return (
                f"Trained on {self.trained_on.what} only and never on a micro-expression: how well "
                "it does on micro-expressions is not known."
            )
        return "No honest estimate was made: how well it does on unseen persons is not known."


def _with_range(value: float, interval: _Range | None) -> str:
    if interval is None:
        return f"{value:.3f}"
    return f"{value:.3f} (95 % {interval[0]:.3f} to {interval[1]:.3f})"
