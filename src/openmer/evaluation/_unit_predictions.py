"""Action units of one network in a run: a row for each clip and unit, absent or present."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openmer.clip import Prediction
from openmer.errors import ConfigError
from openmer.evaluation._experiment import Task
from openmer.evaluation._predictions import UNITS, PredictionTable, read_run
from openmer.evaluation._read_run import read_run_info
from openmer.methods import Method
from openmer.training import FitResult

_MARK = " AU"


def require_classes(method: Method) -> None:
    """Refuse a method that learns action units and no class, where classes are needed.

    Raises:
        ConfigError: It does.
    """
    if method.task == "action_units":
        raise ConfigError(
            f"Method {method.name} learns action units and no class: `openmer action-units` "
            "evaluates it. Everything else needs a class: --set task=both, or one unit by --set "
            "task=classes --label-scheme au:4."
        )


def known_units(task: Task) -> NDArray[np.float32] | None:
    """Return whether clips show the units, shape ``(clips, units)``; NaN where nobody says it."""
    return task.data.units if task.present is None else task.present


def unit_predictions(task: Task, result: FitResult) -> list[Prediction]:
    """Return what a fold says of every unit of every clip that somebody coded.

    Scores are probabilities moved so that one half is the threshold of the unit.

    Args:
        task: Its units are targets.
        result: Of a fold.
    """
    units, known = task.method.action_units.units, known_units(task)
    if known is None or result.thresholds is None:
        return []
    scores = above_threshold(result.scores[:, task.data.num_classes :], result.thresholds)
    return [
        Prediction(
            clip=f"{task.clips[i].key}{_MARK}{unit}",
            corpus=task.clips[i].corpus,
            subject_id=task.clips[i].subject_id,
            truth=int(known[i, place] > 0),
            scores=(1 - float(own[place]), float(own[place])),
            seed=result.job.seed,
            epoch=result.epoch,
        )
        for i, own in zip(result.job.predict, scores, strict=True)
        for place, unit in enumerate(units)
        if not np.isnan(known[i, place])
    ]


def above_threshold(
    probabilities: NDArray[np.floating], thresholds: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Move probabilities in their logits, so that the threshold of each unit becomes one half.

    Args:
        probabilities: In 0..1, shape ``(clips, units)``.
        thresholds: Shape ``(units,)``, in (0, 1); one minus it moves back.
    """
    p, t = np.asarray(probabilities, np.float64), np.asarray(thresholds, np.float64)
    return p * (1 - t) / (p * (1 - t) + (1 - p) * t)


def unit_tables(table: PredictionTable) -> dict[int, PredictionTable]:
    """Part the predictions of a run of action units, by the number of the unit."""
    marks = [clip.rpartition(_MARK) for clip in table.clips]
    numbers = np.array([int(number) for _, _, number in marks])
    clips = tuple(clip for clip, _, _ in marks)
    return {
        int(unit): replace(table, clips=clips).at(np.flatnonzero(numbers == unit))
        for unit in np.unique(numbers)
    }


def read_units(
    runs: Mapping[int, Path], seeds: Collection[int] | None = None
) -> dict[int, PredictionTable]:
    """Read the predictions of every action unit.

    Args:
        runs: The folder of the run of each unit, or of all, from `evaluate_units`.
        seeds: As in `read_run`.

    Raises:
        DataError: As `read_run` and `read_run_info`.
    """
    together: dict[Path, dict[int, PredictionTable]] = {}
    found = {}
    for unit, folder in runs.items():
        if folder not in together:
            read_run_info(folder)  # refuses other files than it was written with
            below = folder / UNITS
            table = read_run(below if below.is_dir() else folder, seeds=seeds)
            parted = all(_MARK in clip for clip in table.clips)
            together[folder] = unit_tables(table) if parted else {unit: table}
        found[unit] = together[folder][unit]
    return found


def intensity_agreement(truth: Sequence[float], said: Sequence[float]) -> float | None:
    """Compute ICC(3,1), the agreement of two raters about levels.

    Shrout and Fleiss (1979), Intraclass correlations: uses in assessing rater reliability, table 3
    for two raters: ``(BMS - EMS) / (BMS + EMS)``.

    Args:
        truth: Annotated levels, 0 for absent, 1 (A) to 5 (E).
        said: Predicted levels of the same clips.

    Returns:
        At most 1; None for fewer than two clips, or where nothing varies.
    """
    ratings = np.stack([np.asarray(truth, np.float64), np.asarray(said, np.float64)], axis=1)
    clips = len(ratings)
    if clips < 2:
        return None
    mean = ratings.mean()
    between = 2 * ((ratings.mean(axis=1) - mean) ** 2).sum() / (clips - 1)
    rest = ratings - ratings.mean(axis=1, keepdims=True) - ratings.mean(axis=0) + mean
    error = (rest**2).sum() / (clips - 1)
    return float((between - error) / (between + error)) if between + error else None
