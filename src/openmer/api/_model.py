"""Train a model for use, load one, and ask it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from openmer import remote
from openmer.api._clips import Source, clips_of
from openmer.api._display import Displayed, frame
from openmer.api._evaluate import Device, method_of, task_of
from openmer.api._progress import progress as shown
from openmer.clip import Clip
from openmer.datasets import ClipSource, LabelScheme
from openmer.deployment import (
    Decision,
    FittedModel,
    Moments,
    Sample,
    calibration_from_run,
    default_model,
    epoch_rule_of,
    estimate_of,
    packaged_model,
    push_model,
    read_model,
    samples_of_paths,
    train_model,
    write_model,
)
from openmer.errors import DataError
from openmer.evaluation import Protocol
from openmer.methods import Method, list_methods
from openmer.training import Resources

if TYPE_CHECKING:
    from pandas import DataFrame

Input = Source | Clip | Sequence[str | Path]
"""Clips as `load_clips` takes them, one clip, folders of frames, or images."""


@dataclass(frozen=True, repr=False)
class Predictions(Displayed):
    """What a model says of some clips.

    Attributes:
        samples: The clips or images.
        decisions: What it says of each.
        scores: Its scores of each class, for each.
        classes: Names of the classes.
        failures: Why the others could not be scored.
        units: Action units that each shows; empty where the model learned none.
    """

    samples: tuple[Sample, ...]
    decisions: tuple[Decision, ...]
    scores: tuple[tuple[float, ...], ...]
    classes: tuple[str, ...]
    failures: tuple[str, ...]
    units: tuple[tuple[int, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.decisions)

    def __iter__(self) -> Iterator[Decision]:
        return iter(self.decisions)

    def __getitem__(self, index: int) -> Decision:
        return self.decisions[index]

    def to_frame(self) -> DataFrame:
        """Return a table with a row for each clip; no class where the model is not sure."""
        columns = ("input", "label", "class", "likeliest", "confidence", *self.classes)
        parts = zip(self.samples, self.decisions, self.scores, strict=True)
        rows = [
            (one.name, one.label, said.class_name, said.likeliest, said.confidence)
            + (said.probabilities or scores)
            for one, said, scores in parts
        ]
        if not self.units:
            return frame((dict(zip(columns, row, strict=True)) for row in rows), columns)
        columns = (*columns, "action_units")
        told = ["+".join(map(str, units)) for units in self.units]
        parted = zip(rows, told, strict=True)
        return frame((dict(zip(columns, (*row, own), strict=True)) for row, own in parted), columns)

    def _line(self) -> str:
        sure = sum(said.class_name is not None for said in self.decisions)
        return f"{len(self)} inputs, {sure} with a class, {len(self.failures)} not scored"


@dataclass(frozen=True, repr=False, eq=False)
class Model(Displayed):
    """A trained method for use.

    Attributes:
        fitted: Its numbers and its record.
    """

    fitted: FittedModel

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.fitted.record.classes

    def predict(self, inputs: Input) -> Predictions:
        """Say what clips or images show; `openmer.predict` takes the moments of one clip, too."""
        return predict(inputs, self)

    def save(self, folder: str | Path) -> Path:
        """Write the model into a new folder, which `load_model` reads, and return it.

        Raises:
            DataError: The folder holds something, or cannot be written.
        """
        write_model(Path(folder), self.fitted)
        return Path(folder)

    def push_to_hub(self, name: str, *, private: bool = True) -> str:
        """Upload the model with its card to ``OWNER/NAME`` on the Hugging Face hub.

        `load_model` takes it from there by ``hf://OWNER/NAME``. Returns the address of the commit.

        Raises:
            DataError: It cannot be uploaded.
        """
        return push_model(self.fitted, name, private=private)

    def to_frame(self) -> DataFrame:
        """Return a table of facts."""
        record = self.fitted.record
        facts = {
            "method": record.method,
            "classes": ", ".join(record.classes),
            "parameters": record.parameters,
            "scores": record.meaning,
            "caution": record.caution,
            "calibration": str(record.calibration or ""),
        }
        return frame({"fact": list(facts), "value": [str(value) for value in facts.values()]})

    def _line(self) -> str:
        record = self.fitted.record
        known = record.estimate
        trust = record.caution if known is None else f"On subjects it has not seen: {known}."
        return f"{record.title}, {', '.join(self.classes)}. {trust}"


def load_model(source: str | Path | None = None) -> Model:
    """Load a model for use.

    Args:
        source: A folder that `Model.save` or `openmer train` wrote, ``hf://OWNER/NAME`` on the
            Hugging Face hub, or a method that comes with weights; None is the model that comes
            with OpenMER.

    Returns:
        The model; `predict`, `save` and `push_to_hub` are its methods.

    Raises:
        ConfigError: The method has no weights.
        DataError: The folder holds no model, or a broken one.

    Example:
        model = openmer.load_model()  # the one that comes with OpenMER
        print(model.classes)
    """
    if source is None:
        return Model(default_model())
    if str(source) in list_methods() and not Path(source).is_dir():
        return Model(packaged_model(str(source)))
    return Model(read_model(remote.here(source)))


def train(
    method: str | Path | Method,
    clips: Source,
    *,
    estimate: bool = True,
    runs: str | Path = "runs",
    seed: int = 0,
    overrides: Sequence[str] = (),
    label_scheme: str | LabelScheme | None = None,
    device: Device = "auto",
    workers: int = 0,
    progress: bool = True,
) -> Model:
    """Fit a method on all subjects, after leave-one-subject-out said how good that is.

    Args:
        method: As in `evaluate`.
        clips: As in `evaluate`.
        estimate: Evaluate first; without it the model says neither how good nor how sure it is.
        runs: Folder that keeps the runs of estimates.
        seed: Of the training.
        overrides: As in `evaluate`.
        label_scheme: As in `evaluate`.
        device: As in `evaluate`.
        workers: As in `evaluate`.
        progress: As in `evaluate`.

    Returns:
        The model.

    Raises:
        OpenMERError: As `evaluate`.

    Example:
        model = openmer.train("flow-svm", "clips.csv")
        model.save("model")
    """
    chosen, folder = method_of(method, overrides, label_scheme), Path(runs)
    protocol = Protocol(epoch_rule=epoch_rule_of(chosen), seeds=(seed,))
    resources = Resources(device=device, workers=workers)
    with shown(progress) as report:
        task = task_of(chosen, clips, protocol, workers, report)
        known, calibration = None, None
        if estimate:
            known = estimate_of(
                task, protocol, runs=folder, resources=resources, on_progress=report
            )
            calibration = calibration_from_run(folder / known.run, task, protocol.epoch_rule)
        fitted = train_model(
            task, seed=seed, estimate=known, calibration=calibration, resources=resources,
            runs=folder, on_progress=report,
        )  # fmt: skip
    return Model(fitted)


def predict(
    inputs: Input,
    model: Model | str | Path | None = None,
    *,
    onset: int | None = None,
    apex: int | None = None,
    offset: int | None = None,
    fps: float | str | None = None,
) -> Predictions:
    """Say what clips or images show, and how sure that is.

    Args:
        inputs: Clips as `load_clips` takes them, one `Clip`, a folder of frames, an image, or a
            list of these paths.
        model: What `load_model` takes or returns.
        onset: First frame of the movement, counted from 0, of a single folder of frames.
        apex: Frame of its largest movement.
        offset: Last frame of the movement.
        fps: Frames per second.

    Returns:
        For each input the class, or None where the model is not sure, and its confidence.

    Raises:
        DataError: Nothing could be scored; the first reason is given.

    Example:
        predictions = openmer.predict("clips.csv")
        print(predictions[0].class_name, predictions.to_frame())
    """
    rate = None if fps is None else Fraction(str(fps))
    samples = samples_of(inputs, Moments(onset=onset, apex=apex, offset=offset, fps=rate))
    fitted = fitted_of(model)
    done, scores, failures = [], [], []
    units: list[tuple[int, ...]] = []
    for sample in samples:
        try:
            answer, shown = sample.answer(fitted)
        except DataError as error:
            failures.append(str(error))
        else:
            done.append(sample)
            scores.append(tuple(map(float, answer)))
            units.append(shown)
    if failures and not done:
        raise DataError(failures[0])
    decisions = tuple(map(fitted.record.decide, scores))
    found = tuple(units) if fitted.record.units else ()
    return Predictions(
        tuple(done), decisions, tuple(scores), fitted.record.classes, tuple(failures), found
    )


def fitted_of(model: Model | str | Path | None) -> FittedModel:
    """Return the numbers of a model, loaded where its folder or name is given."""
    return model.fitted if isinstance(model, Model) else load_model(model).fitted


def samples_of(inputs: Input, moments: Moments | None = None) -> tuple[Sample, ...]:
    """Return what is to be scored.

    Raises:
        DataError: A path is not there, or moments are given for more than one folder of frames.
    """
    if isinstance(inputs, Clip):
        inputs = [inputs]
    if isinstance(inputs, str | Path) and _is_path(inputs):
        inputs = [inputs]
    if isinstance(inputs, list | tuple) and all(isinstance(one, str | Path) for one in inputs):
        return samples_of_paths([remote.here(str(one)) for one in inputs], moments or Moments())
    if moments is not None and moments.given:
        raise DataError("Found onset, apex, offset or fps beside clips, which say them themselves.")
    found = clips_of(inputs)
    clips = found.clips if isinstance(found, ClipSource) else found
    return tuple(Sample(name=clip.key, clip=clip, label=clip.emotion) for clip in clips)


def _is_path(text: str | Path) -> bool:
    """Return whether it is a folder of frames or an image, not a manifest or a corpus."""
    return Path(text).suffix.lower() != ".csv" and (
        Path(text).exists() or len(Path(text).parts) > 1
    )
