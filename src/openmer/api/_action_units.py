"""Evaluate a method on action units, and look at what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openmer.api._clips import Source, clips_of
from openmer.api._display import Displayed, frame
from openmer.api._evaluate import Device, Result, method_of
from openmer.api._progress import progress as shown
from openmer.datasets import ClipSource, units_of
from openmer.evaluation import (
    LOSO,
    Protocol,
    UnitScores,
    audit_sentence,
    evaluate_units,
    levels_of,
    read_units,
    score_units,
)
from openmer.methods import Method
from openmer.training import EpochRule, Resources

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, repr=False, eq=False)
class ActionUnitResult(Displayed):
    """The runs of all action units, and their scores.

    Attributes:
        title: Title of the method.
        results: The run of each unit, by its number; the same one where one network learned all.
        scores: Scores of each unit, and their mean last.
    """

    title: str
    results: Mapping[int, Result]
    scores: tuple[UnitScores, ...]

    @property
    def f1_present(self) -> float:
        """F1 of "present", mean over units, 0..1."""
        return self.scores[-1].f1_present.value

    @property
    def f1_macro(self) -> float:
        """F1 of "present" and "absent", mean over both and over units, 0..1."""
        return self.scores[-1].f1_macro.value

    def to_frame(self) -> DataFrame:
        """Return a table with a row for each unit, and one for the mean."""
        return frame(
            {
                "unit": one.unit or "mean",
                "present": one.present or None,
                "clips": one.clips,
                **{
                    f"{name}{end}": getattr(getattr(one, name), part)
                    for name in ("f1_present", "f1_macro")
                    for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))
                },
                "auc": one.auc,
                "icc": one.icc,
                "audit": self.results[one.unit].audit if one.unit else None,
            }
            for one in self.scores
        )

    def _audit(self) -> str:
        return audit_sentence({f"AU{unit}": one.audit for unit, one in self.results.items()})

    def _line(self) -> str:
        return (
            f"{self.title}, {len(self.results)} action units, F1 of present "
            f"{self.f1_present:.3f}, macro F1 {self.f1_macro:.3f}. {self._audit()}"
        )


def evaluate_action_units(
    method: str | Path | Method,
    clips: Source,
    *,
    units: Sequence[int] | None = None,
    minimum: int = 10,
    seeds: int = 1,
    epoch_rule: EpochRule | None = None,
    overrides: Sequence[str] = (),
    protocol: str = LOSO,
    out: str | Path = "runs",
    device: Device = "auto",
    workers: int = 0,
    progress: bool = True,
) -> ActionUnitResult:
    """Train and test a method on every action unit: is it present or absent?

    Args:
        method: As in `evaluate`; its task says whether each unit has a model, or one network all.
        clips: As in `evaluate`; with the column ``action_units``. Clips that nobody coded are left
            out.
        units: Numbers of the units; None takes those that enough clips show.
        minimum: How many clips are enough.
        seeds: As in `evaluate`.
        epoch_rule: As in `evaluate`.
        overrides: As in `evaluate`.
        protocol: As in `evaluate`.
        out: As in `evaluate`.
        device: As in `evaluate`.
        workers: As in `evaluate`.
        progress: As in `evaluate`.

    Returns:
        Scores of every unit with intervals, and the run behind each.

    Raises:
        OpenMERError: As `evaluate`; also where no unit is shown by enough clips.

    Example:
        result = openmer.evaluate_action_units("flow-svm", "clips.csv", units=[1, 2, 4, 12])
        print(result.f1_present, result.to_frame())
    """
    chosen, source = method_of(method, overrides), clips_of(clips)
    rule = epoch_rule or chosen.epoch_rule
    how = Protocol(epoch_rule=rule, seeds=tuple(range(seeds)), folds=protocol)
    listed = source.clips if isinstance(source, ClipSource) else source
    numbers = units or chosen.action_units.units or units_of(listed, minimum)
    with shown(progress) as report:
        folders = evaluate_units(
            chosen, source, numbers, how,
            out=Path(out), resources=Resources(device=device, workers=workers), on_progress=report,
        )  # fmt: skip
    results = {unit: Result.read(folder) for unit, folder in folders.items()}
    levels = levels_of(source, tuple(folders)) if chosen.trains_intensity else None
    scores = score_units(read_units(folders), levels=levels)
    return ActionUnitResult(chosen.title, results, scores)
