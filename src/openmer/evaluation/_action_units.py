"""Action units: one run for each unit, present or absent, and their scores beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openmer.clip import Clip
from openmer.datasets import ClipSource, unit_targets
from openmer.errors import ConfigError, ProtocolError
from openmer.evaluation._bootstrap import LEVEL, Estimate, outcomes_of
from openmer.evaluation._cross_validate import evaluate
from openmer.evaluation._experiment import Progress, Protocol
from openmer.evaluation._metrics import Numbers, macro_auc, per_class_of
from openmer.evaluation._predictions import PredictionTable
from openmer.evaluation._unit_predictions import above_threshold, intensity_agreement
from openmer.methods import Method, with_label_scheme
from openmer.training import LEVEL_OF_PRESENT, Resources

CD6ME_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)
"""The units that CD6ME evaluates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitScores:
    """How well one action unit is recognised, or the mean over units.

    Attributes:
        unit: The number; 0 for the mean.
        present: Clips that show it; 0 for the mean.
        clips: Clips that were tested.
        f1_present: F1 of "present", 0..1.
        f1_macro: Mean F1 of "present" and "absent", 0..1, which is UF1 of the unit's run. Where
            most clips do not show the unit it is far above `f1_present`.
        auc: Area under the ROC curve, 0..1.
        icc: Agreement of the levels, ICC(3,1), where intensities were trained and it is defined;
            else None. The mean is over the units that have one.
    """

    unit: int
    present: int
    clips: int
    f1_present: Estimate
    f1_macro: Estimate
    auc: float
    icc: float | None = None


def evaluate_units(
    method: Method,
    clips: Sequence[Clip] | ClipSource,
    units: Sequence[int],
    protocol: Protocol,
    *,
    out: Path,
    resources: Resources | None = None,
    command: str = "",
    on_progress: Progress | None = None,
) -> dict[int, Path]:
    """Evaluate a method on every action unit: each as a run of its own, or all as one.

    Args:
        method: The method. With its task "classes" these become "absent" and "present", in a run
            for each unit; with "action_units" or "both" one network learns all units.
        clips: All clips; those that nobody coded are left out.
        units: Numbers of the units.
        protocol: As in `evaluate`.
        out: Where runs are kept.
        resources: As in `evaluate`.
        command: As in `evaluate`.
        on_progress: As in `evaluate`.

    Returns:
        The folder of the run of each unit, for `read_units`.

    Raises:
        ConfigError: No unit is given.
        DataError: A coding cannot be read.
        ProtocolError: As `prepare_task`, such as a unit that no clip shows.
    """
    if not units:
        raise ConfigError("Found no action unit, expected numbers such as 1, 2, 4.")
    chosen = tuple(dict.fromkeys(units))
    if method.task != "classes":
        config = method.action_units.model_copy(update={"units": chosen})
        folder = evaluate(
            method.model_copy(update={"action_units": config}), clips, protocol, out=out,
            resources=resources, command=command, on_progress=on_progress,
        )  # fmt: skip
        return dict.fromkeys(chosen, folder)
    return {
        unit: evaluate(
            with_label_scheme(method, f"au:{unit}"), clips, protocol, out=out, resources=resources,
            command=command, on_progress=on_progress,
        )
        for unit in chosen
    }  # fmt: skip


def score_units(
    tables: Mapping[int, PredictionTable],
    *,
    levels: Mapping[int, Mapping[str, float]] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[UnitScores, ...]:
    """Score every unit, and their mean last; intervals draw whole subjects, for all units alike.

    Args:
        tables: Predictions of each unit, all of the same clips, from `read_units`.
        levels: From `levels_of`, where the method trained intensities; None where it did not.
        draws: How many times subjects are drawn.
        seed: Of the draws.

    Raises:
        ProtocolError: The runs speak of different clips.
    """
    clips = {table.clips for table in tables.values()}
    if len(clips) != 1:
        raise ProtocolError(f"The units were evaluated on {len(clips)} different lists of clips.")
    outcomes = [outcomes_of(table) for table in tables.values()]
    # (units, subjects, 2, 2), summed over seeds
    counts = np.stack([one.counts.sum(axis=0) for one in outcomes]).astype(np.float64)
    subjects = counts.shape[1]
    drawn = np.random.default_rng(seed).multinomial(
        subjects, np.full(subjects, 1 / subjects), size=draws
    )
    agreed = [_agreement(table, (levels or {}).get(unit)) for unit, table in tables.items()]
    values, again = _f1(counts.sum(axis=1)), _f1(np.einsum("ds,usij->duij", drawn, counts))
    once = np.ones((1, len(outcomes[0].truth)))
    aucs = [
        float(np.mean([macro_auc(one.truth, scores, once)[0] for scores in one.scores]))
        for one in outcomes
    ]
    found = [
        UnitScores(
            unit=unit,
            present=int(outcomes[i].truth.sum()),
            clips=len(outcomes[i].truth),
            f1_present=_estimate(values[i, 0], again[:, i, 0]),
            f1_macro=_estimate(values[i, 1], again[:, i, 1]),
            auc=aucs[i],
            icc=agreed[i],
        )
        for i, unit in enumerate(tables)
    ]
    mean, means = values.mean(axis=0), again.mean(axis=1)
    whole = UnitScores(
        unit=0,
        present=0,
        clips=len(outcomes[0].truth),
        f1_present=_estimate(mean[0], means[:, 0]),
        f1_macro=_estimate(mean[1], means[:, 1]),
        auc=float(np.mean(aucs)),
        icc=_mean(agreed),
    )
    return (*found, whole)


def score_units_by_corpus(
    tables: Mapping[int, PredictionTable],
) -> dict[str, UnitScores]:
    """Score each corpus by itself: the mean over units, by the name of the corpus.

    CD6ME is the mean over its six corpora of these. A unit that no clip of a corpus shows has an F1
    of 0 there.

    Args:
        tables: As in `score_units`.
    """
    corpora = sorted({name for table in tables.values() for name in table.corpora})
    return {
        name: score_units({unit: own.of_corpus(name) for unit, own in tables.items()})[-1]
        for name in corpora
    }


def levels_of(
    clips: Sequence[Clip] | ClipSource, units: Sequence[int]
) -> dict[int, dict[str, float]]:
    """Return the annotated level of every clip, 0 to 5, by unit and `Clip.key`, where known."""
    given = clips.clips if isinstance(clips, ClipSource) else clips
    found = 5 * unit_targets(given, units, intensity=True)
    return {
        unit: {c.key: float(v) for c, v in zip(given, own, strict=True) if not np.isnan(v)}
        for unit, own in zip(units, found.T, strict=True)
    }


def _agreement(table: PredictionTable, levels: Mapping[str, float] | None) -> float | None:
    """Compute the ICC of the levels that scores of a method with intensities stand for."""
    if levels is None:
        return None
    scores = above_threshold(table.scores[:, 1], np.array(1 - LEVEL_OF_PRESENT))
    known = [row for row, clip in enumerate(table.clips) if clip in levels]
    return intensity_agreement(
        [levels[table.clips[row]] for row in known], [5 * float(scores[row]) for row in known]
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of those that are defined; None where none is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _f1(counts: Numbers) -> Numbers:
    """F1 of "present" and mean F1 of both, ``(..., 2)``, of counts ``(..., 2, 2)``."""
    f1 = np.nan_to_num(per_class_of(counts).f1)
    return np.stack([f1[..., 1], f1.mean(axis=-1)], axis=-1)


def _estimate(value: float, again: Numbers) -> Estimate:
    low, high = np.quantile(again, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value=float(value), low=float(low), high=float(high))
