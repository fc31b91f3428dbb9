"""Evaluate a method by leave-one-subject-out, and look at what came out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from openmer import remote
from openmer._engine import current_engine
from openmer.api._clips import Source, clips_of
from openmer.api._display import Displayed, frame
from openmer.api._progress import Report
from openmer.api._progress import progress as shown
from openmer.datasets import ClipSource, LabelScheme
from openmer.errors import ConfigError
from openmer.evaluation import (
    LOSO,
    METRICS,
    Estimate,
    Leak,
    Part,
    PredictionTable,
    Protocol,
    RunInfo,
    Summary,
    Task,
    cross_validate,
    load_run,
    open_tracker,
    prepare_task,
    read_run,
    require_classes,
    warnings_of,
)
from openmer.files import require_room
from openmer.methods import Method, load_method, with_label_scheme
from openmer.preprocessing import ArrayCache
from openmer.reports import write_report
from openmer.training import EpochRule, Resources

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, repr=False, eq=False)
class Result(Displayed):
    """A finished run: predictions, scores with their intervals, and how they were made.

    Attributes:
        folder: Where it is kept.
        info: How it was made.
        summary: All scores.
    """

    folder: Path
    info: RunInfo
    summary: Summary

    @classmethod
    def read(cls, folder: str | Path) -> Result:
        """Read a finished run.

        Raises:
            DataError: There is none in the folder, or it is broken.
        """
        place = remote.here(folder)
        info, summary = load_run(place)
        return cls(place, info, summary)

    @property
    def uf1(self) -> float:
        """Unweighted F1 of the pooled predictions, mean over seeds, 0..1."""
        return self.summary.uf1

    @property
    def uar(self) -> float:
        """Unweighted average recall of the pooled predictions, mean over seeds, 0..1."""
        return self.summary.scores["uar"].value

    @property
    def accuracy(self) -> float:
        """Accuracy of the pooled predictions, mean over seeds, 0..1."""
        return self.summary.scores["accuracy"].value

    @property
    def leaky(self) -> bool:
        """Whether the run has seen its tested subjects in any way."""
        return self.info.leaky

    @property
    def audit(self) -> str:
        """What is proven: audited, audited in part and how much, not audited, or what was found."""
        return self.info.audit

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the scores worth less than they look, a sentence each."""
        return warnings_of(self.info, self.summary)

    def score(self, metric: str = "uf1") -> Estimate:
        """Return a score with its interval and its spread over seeds.

        Raises:
            ConfigError: There is no such metric.
        """
        return self.summary.scores[METRICS[metric].name]

    def interval(self, metric: str = "uf1") -> tuple[float, float] | None:
        """Return the 95 % interval of a score by subjects; None where it cannot be made.

        Raises:
            ConfigError: There is no such metric.
        """
        found = self.score(metric)
        return None if found.low is None or found.high is None else (found.low, found.high)

    @cached_property
    def table(self) -> PredictionTable:
        """Predictions as arrays."""
        return read_run(self.folder, seeds=self.info.seeds)

    @property
    def predictions(self) -> DataFrame:
        """A table with a row for each clip and seed: truth, prediction and scores."""
        table, names = self.table, self.info.classes
        columns = {
            "clip": table.clips,
            "corpus": table.corpora,
            "subject_id": table.subjects,
            "truth": [names[i] for i in table.truth],
            "predicted": [names[i] for i in table.predicted],
            **{f"score_{name}": table.scores[:, i] for i, name in enumerate(names)},
            "seed": table.seed,
            "epoch": table.epoch,
        }
        return frame(columns)

    def to_frame(self) -> DataFrame:
        """Return a table of scores: a row for all clips, and one for each corpus among them."""
        parts = {"all": self.summary, **self.summary.parts}
        rows = (_scores(name, part) for name, part in parts.items())
        return frame({**row, "audit": self.audit} for row in rows)

    def report(self, folder: str | Path | None = None) -> Path:
        """Write report.html, .md, .csv and .tex, and return the path of the page.

        Args:
            folder: None is the run's own folder.

        Raises:
            DataError: The folder cannot be written to.
        """
        place = self.folder if folder is None else remote.out(folder)
        return write_report(place, [(self.info, self.summary)])["html"]

    def plot(self) -> Figure:
        """Draw the confusion matrix: clips per seed, rows are the truth."""
        from matplotlib.figure import Figure

        counts, names = self.summary.confusion_mean, self.info.classes
        figure = Figure(figsize=(1.5 + len(names), 1.2 + len(names)), layout="constrained")
        axes = figure.subplots()
        axes.imshow(
            [[n / max(sum(row), 1) for n in row] for row in counts], "Blues", vmin=0, vmax=1
        )
        for y, row in enumerate(counts):
            for x, n in enumerate(row):
                dark = n > sum(row) / 2
                axes.text(x, y, f"{n:g}", ha="center", va="center", color="w" if dark else "k")
        axes.set_xticks(range(len(names)), names, rotation=30, parse_math=False)
        axes.set_yticks(range(len(names)), names, parse_math=False)
        axes.set(xlabel="predicted", ylabel="truth")
        axes.set_title(f"UF1 {self.uf1:.3f}" + ", LEAKY" * self.leaky)
        return figure

    def _line(self) -> str:
        found = self.interval()
        around = "" if found is None else f" ({found[0]:.3f} to {found[1]:.3f})"
        honest = "LEAKY" if self.leaky else "honest"
        return (
            f"{self.info.title}, UF1 {self.uf1:.3f}{around}, {self.info.clips} clips of "
            f"{self.info.subjects} subjects, {honest}, {self.audit}"
        )


def evaluate(
    method: str | Path | Method,
    clips: Source,
    *,
    seeds: int = 1,
    epoch_rule: EpochRule | None = None,
    leak: Leak | None = None,
    overrides: Sequence[str] = (),
    label_scheme: str | LabelScheme | None = None,
    protocol: str = LOSO,
    out: str | Path = "runs",
    device: Device = "auto",
    workers: int = 0,
    track: str | None = None,
    progress: bool = True,
) -> Result:
    """Train and test a method, each subject held out once; what was done before is not done again.

    Args:
        method: A name (`list_methods`), the path of a TOML file, or what `load_method` returns.
        clips: What `load_clips` returns or reads.
        seeds: How many times; with the seeds 0 to `seeds` - 1.
        epoch_rule: "fixed", "inner" or "held_out", which is a leak; None is the method's own.
        leak: Another leak to make on purpose: "carried_weights", "substring_subjects" or
            "global_scaling".
        overrides: Values to replace in the method, such as ``"training.epochs=5"``.
        label_scheme: How words become classes, in place of the method's own: a name, a file, or
            what else `openmer.datasets.label_scheme` reads.
        protocol: How clips are held out: "loso", "kfold:5", "kfold:5:10" (ten times), "loco" (each
            corpus once), "hde:A->B" (train on A, test B), "cd6me", or "file:FOLDS.csv".
        out: Folder that keeps all runs.
        device: "auto" takes CUDA where there is one.
        workers: Processes; 0 is one per core.
        track: "tensorboard:FOLDER" or "mlflow:URI" gets losses, settings and scores, too.
        progress: Show how far it is.

    Returns:
        Scores with their intervals, the prediction of every clip, and how they were made.

    Raises:
        ConfigError: There is no such method, or an override is wrong.
        DataError: The clips cannot be read.
        ProtocolError: The evaluation cannot be honest, such as with one subject only.

    Example:
        result = openmer.evaluate("flow-svm", "clips.csv")
        print(result.uf1, result.interval("uf1"), result.predictions)
        result.report("report")
    """
    chosen = method_of(method, overrides, label_scheme)
    require_classes(chosen)
    place = remote.out(out)
    require_room(place)
    rule = epoch_rule or chosen.epoch_rule
    how = Protocol(epoch_rule=rule, seeds=tuple(range(seeds)), folds=protocol, leak=leak)
    resources = Resources(device=device, workers=workers)
    with open_tracker(track, warnings.warn) as tracker:
        with shown(progress) as report:
            task = task_of(chosen, clips, how, workers, report)
            folder = cross_validate(
                task, how, out=place, resources=resources, on_progress=report,
                on_fold=None if tracker is None else tracker.fold,
            )  # fmt: skip
        if tracker is not None:
            tracker.finish(folder)
    return Result.read(folder)


def method_of(
    method: str | Path | Method,
    overrides: Sequence[str] = (),
    label_scheme: str | LabelScheme | None = None,
) -> Method:
    """Return the method of that name or file; one that was loaded before stays as it is.

    Args:
        method: A name, a path, or a method.
        overrides: Values to replace.
        label_scheme: What takes the place of the method's own; None leaves it.

    Raises:
        ConfigError: There is none, or an override is wrong or beside a loaded method.
    """
    if not isinstance(method, Method):
        method, overrides = load_method(str(method), overrides), ()
    if overrides:
        raise ConfigError(
            "Found overrides beside a method that was loaded before. Give them to load_method."
        )
    return method if label_scheme is None else with_label_scheme(method, label_scheme)


def task_of(
    method: Method, clips: Source, protocol: Protocol, workers: int, report: Report
) -> Task:
    """Return the method's arrays, classes and folds; warn of what a reader must know.

    Raises:
        OpenMERError: As `openmer.evaluation.prepare_task`.
    """
    current_engine()  # what is wrong with it is said before anything is prepared
    source = clips_of(clips)
    if isinstance(source, ClipSource) and source.warning:
        warnings.warn(source.warning, stacklevel=3)
    task = prepare_task(
        method, source, protocol=protocol, cache=ArrayCache(), workers=workers, on_progress=report
    )
    if task.failures:
        warnings.warn(
            f"{len(task.failures)} of {task.asked} clips could not be prepared and are left out, "
            f"such as {task.failures[0].clip}: {task.failures[0].reason}",
            stacklevel=3,
        )
    return task


def _scores(name: str, part: Part) -> dict[str, object]:
    """Return a row of the table of scores: each metric with its interval and spread."""
    row: dict[str, object] = {"part": name, "clips": part.clips, "subjects": part.subjects}
    for metric, found in part.scores.items():
        row |= {metric: found.value, f"{metric}_low": found.low, f"{metric}_high": found.high}
        row[f"{metric}_sd"] = found.sd
    return row
