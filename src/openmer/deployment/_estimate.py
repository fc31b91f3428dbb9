"""What goes with a model: its honest estimate, and the calibration of its scores.

Both come from leave-one-subject-out on the very same clips.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from openmer.deployment._record import ModelEstimate
from openmer.errors import DataError, ProtocolError
from openmer.evaluation import (
    Calibration,
    PredictionTable,
    Progress,
    Protocol,
    RunInfo,
    Task,
    calibrate,
    chose_settings,
    cross_validate,
    kind_of_scores,
    load_run,
    read_run,
    read_run_info,
    require_classes,
    seen_subjects,
    start_of,
    weights_digest,
)
from openmer.training import Resources

__all__ = ["ModelEstimate", "calibration_from_run", "estimate_from_run", "estimate_of"]


def estimate_of(
    task: Task,
    protocol: Protocol,
    *,
    runs: Path,
    resources: Resources | None = None,
    command: str = "",
    on_progress: Progress | None = None,
) -> ModelEstimate:
    """Evaluate the task, or find that this was done, and take its scores as the estimate.

    Args:
        task: What a model is to be trained on.
        protocol: An honest epoch rule, and seeds.
        runs: Where runs are kept; a finished one is found there, a begun one goes on.
        resources: As in `cross_validate`.
        command: As in `cross_validate`.
        on_progress: As in `cross_validate`.

    Raises:
        ConfigError: The method learns action units and no class.
        ProtocolError: The protocol is leaky or permutes labels, or the weights that the folds start
            from have seen tested subjects, or clips of theirs chose the method's settings.
    """
    require_classes(task.method)
    if protocol.leaky or protocol.label_permutation is not None:
        raise ProtocolError(
            "An honest estimate needs the epoch rule fixed or inner and the true labels. Choose "
            "one of these rules."
        )
    chose = chose_settings(task.method, task.tested_subjects, task.clips)
    if chose:
        raise ProtocolError(
            f"Clips of {len(chose)} of the {len(task.folds)} subjects, {chose[0]} for one, chose "
            f"the settings of {task.method.name} ([searched] in its file), so no honest estimate "
            "can be made. Train the method it began with, with its [search]: then every fold of "
            "the estimate searches without its own subject. Or train without an estimate "
            "(--no-estimate)."
        )
    seen = seen_subjects(task)
    if seen:
        raise ProtocolError(
            f"Pictures of {len(seen)} of the {len(task.folds)} subjects, {seen[0]} for one, made "
            f"the weights {start_of(task.method)}, so no honest estimate can be made. Start from "
            "other weights, or train without an estimate (--no-estimate)."
        )
    folder = cross_validate(
        task, protocol, out=runs, resources=resources, command=command, on_progress=on_progress
    )
    return estimate_from_run(folder, task, protocol.epoch_rule)


def estimate_from_run(
    folder: Path, task: Task, epoch_rule: str, folds: Literal["loso", "loco"] = "loso"
) -> ModelEstimate:
    """Take the scores of a finished run as a model's estimate, if it evaluated the same thing.

    Args:
        folder: Of the run, with its ``run.toml``.
        task: What the model is trained on.
        epoch_rule: How the model's epoch is chosen.
        folds: What the run held out: each subject, or each corpus.

    Raises:
        DataError: The folder is no finished run, or it evaluated another method, other arrays or
            other clips.
        ProtocolError: The run is leaky or was trained on shuffled labels, or its epoch rule is not
            that of the model, or it held out something else.
    """
    _checked_run(folder, task, epoch_rule, folds)
    info, summary = load_run(folder)
    return ModelEstimate(
        scores={name: one for name, one in summary.scores.items() if not math.isnan(one.value)},
        epoch_rule="inner" if epoch_rule == "inner" else "fixed",
        clips=summary.clips,
        subjects=summary.subjects,
        seeds=summary.seeds,
        folds=folds,
        run=_name(folder),
        audit=info.audit,
    )


def calibration_from_run(folder: Path, task: Task, epoch_rule: str) -> Calibration:
    """Fit the temperature and the threshold of a model on the held-out subjects of a run.

    Args:
        folder: Of the run, with its ``run.toml``; the one of the estimate.
        task: What the model is trained on.
        epoch_rule: How the model's epoch is chosen.

    Raises:
        DataError: As `estimate_from_run`.
        ProtocolError: As `estimate_from_run`.
    """
    info, table = _checked_run(folder, task, epoch_rule)
    found, _ = calibrate(table, kind_of_scores(info))
    return found.model_copy(update={"run": _name(folder)})


def _checked_run(
    folder: Path, task: Task, epoch_rule: str, folds: str = "loso"
) -> tuple[RunInfo, PredictionTable]:
    """Record and predictions of an honest run that evaluated the very same thing."""
    info = read_run_info(folder)
    _require_honest(folder, info, epoch_rule, folds)
    _require_same_method(folder, info, task)
    table = read_run(folder, seeds=info.seeds)
    _require_same_clips(folder, table, info, task)
    return info, table


def _require_honest(folder: Path, info: RunInfo, epoch_rule: str, folds: str) -> None:
    if info.leaky or info.shuffled_labels:
        why = "is leaky: its epoch was chosen on the tested subjects"
        if info.leak:
            why = f"is leaky: the leak {info.leak} was made on purpose"
        if info.seen_subjects:
            why = "is leaky: pictures of tested subjects made the weights that it starts from"
        if info.shuffled_labels:
            why = "was trained on shuffled labels"
        raise ProtocolError(
            f"{folder} {why}, so its scores are no estimate. Give a run with the epoch rule "
            f"{epoch_rule}, or leave --estimate out to have one made."
        )
    if info.protocol != folds:
        raise ProtocolError(
            f"{folder} held out clips by the protocol {info.protocol}; this estimate is made by "
            f"{folds}. Leave --estimate out to have one made."
        )
    if info.epoch_rule != epoch_rule:
        raise ProtocolError(
            f"{folder} has the epoch rule {info.epoch_rule}, but the model is trained by "
            f"{epoch_rule}. Give a run with that rule, or leave --estimate out to have one made."
        )


def _require_same_method(folder: Path, info: RunInfo, task: Task) -> None:
    expected = task.method.model_dump(mode="json", exclude_none=True)
    found = dict(info.method_table)
    other = sorted(key for key in expected | found if expected.get(key) != found.get(key))
    if other:
        raise DataError(
            f"{folder} evaluated another method than the one to be trained: {', '.join(other)} "
            "differ. Give a run of this method, or leave --estimate out to have one made."
        )


def _require_same_clips(folder: Path, table: PredictionTable, info: RunInfo, task: Task) -> None:
    """Refuse other clips, subjects or classes, and other arrays of the same clips."""
    evaluated = set(zip(table.clips, table.subjects, table.truth.tolist(), strict=True))
    targets = task.data.targets.tolist()
    wanted = {
        (clip.key, clip.subject_id, target)
        for clip, target in zip(task.clips, targets, strict=True)
    }
    if evaluated != wanted:
        raise DataError(
            f"{folder} evaluated other clips: {len(evaluated)} there, {len(wanted)} here, "
            f"{len(evaluated & wanted)} in common. Give a run on them, or leave out --estimate "
            "to have one made."
        )
    if info.data.get("weights_sha256", "") != weights_digest(task.method):
        raise DataError(
            f"{folder} evaluated folds that began with other weights than those of the method now. "
            "Leave --estimate out to have an estimate made."
        )
    if info.data.get("arrays_sha256") != task.data.token():
        raise DataError(
            f"{folder} evaluated these clips, but other arrays of them: images or the code of the "
            "recipe have changed since. Leave --estimate out to have an estimate made."
        )


def _name(folder: Path) -> str:
    return "/".join(folder.resolve().parts[-2:])
