"""Proof that no fold sees its held-out subject: checks before training, and the poison test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import openmer
from openmer.evaluation._audit_stamp import AuditRecord, Finding
from openmer.evaluation._experiment import Progress, Protocol, Task
from openmer.evaluation._protocols import protocol_of
from openmer.evaluation._write_run import run_folder
from openmer.evaluation.audit._checks import (
    check_folds,
    check_ids,
    check_labels,
    check_pretraining,
    check_rule,
    check_search,
    check_training_classes,
)
from openmer.evaluation.audit._copies import check_intervals, check_pictures
from openmer.evaluation.audit._duplicates import check_copies
from openmer.evaluation.audit._mixtures import check_mixtures
from openmer.evaluation.audit._own_code import check_code
from openmer.evaluation.audit._poison import poison_test
from openmer.evaluation.audit._pretraining_pictures import check_pretraining_pictures
from openmer.evaluation.audit._steps import check_steps
from openmer.evaluation.audit._trainings import Budget, FitFolds, package_trainer, shortened
from openmer.training import EpochRule, NetworkTraining, Resources


def run_audit(
    task: Task,
    fit: FitFolds,
    *,
    epoch_rule: EpochRule = "fixed",
    subjects: int = 3,
    fresh: bool = True,
    images: Sequence[Path] = (),
    budget: Budget | None = None,
    on_progress: Progress | None = None,
) -> list[Finding]:
    """Run every check on a method and its data.

    Args:
        task: The method and its prepared data; `shortened` keeps the poisoned trainings brief.
        fit: What trains the folds: `package_trainer`, or a user's own.
        epoch_rule: The rule to prove.
        subjects: How many held-out subjects, or groups of them, to poison: those with the most
            clips first, then evenly over the rest; 0 means all.
        fresh: Whether a fold is also trained in a fresh process, which takes seconds to start.
        images: Those that made the weights which the folds start from, where they are at hand.
        budget: How long the poisoned trainings may go on; None is as long as they do.
        on_progress: Called with "audit", trainings done and trainings in all.

    Returns:
        Findings, empty where all is well.
    """
    partial = protocol_of(task.protocol)[0].partial
    findings = check_folds(task.subjects, task.folds, partial=partial)
    findings += check_copies(task.subjects, task.data)
    findings += check_mixtures(task.clips, task.data)
    findings += check_pictures(task.clips)
    findings += check_intervals(task.clips)
    findings += check_labels(task.subjects, task.data)
    findings += check_rule(epoch_rule)
    findings += check_training_classes(task)
    findings += check_pretraining(task)
    findings += check_pretraining_pictures(task.clips, images)
    findings += check_search(task)
    findings += check_ids(task)
    findings += check_steps(task)
    findings += poison_test(
        task,
        fit,
        epoch_rule=epoch_rule,
        subjects=subjects,
        fresh=fresh,
        budget=budget,
        on_progress=on_progress,
    )
    return findings + check_code()


def audit_method(
    task: Task,
    protocol: Protocol,
    resources: Resources,
    *,
    subjects: int = 3,
    epochs: int = 4,
    minutes: float = 0.0,
    images: Sequence[Path] = (),
    on_progress: Progress | None = None,
) -> AuditRecord:
    """Audit a method as `cross_validate` would run it, and say how much of it was tried.

    Args:
        task: The method and its prepared data.
        protocol: Its epoch rule.
        resources: Device and memory.
        subjects: As in `run_audit`.
        epochs: Budget of each training; 0 means the method's own.
        minutes: After which no other subject is begun; at least one is poisoned. 0 is no bound.
        images: As in `run_audit`.
        on_progress: As in `run_audit`.
    """
    short = shortened(task, epochs) if epochs else task
    rule, budget = protocol.epoch_rule, Budget(minutes)
    found = run_audit(
        short,
        package_trainer(short, resources, rule),
        epoch_rule=rule,
        subjects=subjects,
        images=images,
        budget=budget,
        on_progress=on_progress,
    )
    if protocol.leak:
        message = f"The protocol makes a leak on purpose: {protocol.leak}."
        found.append(Finding(check="protocol", severity="leak", fold="", message=message))
    return AuditRecord(
        method=task.method.name,
        title=task.method.title,
        epoch_rule=rule,
        run=run_folder(task, protocol, Path()).name,
        findings=tuple(found),
        subjects=budget.folds,
        subjects_of=len(task.folds),
        epochs=_epochs(short),
        epochs_of=_epochs(task),
        transductive=task.method.transductive,
        openmer=openmer.__version__,
    )


def _epochs(task: Task) -> int:
    """Return the longest training of a method; 0 where there are no epochs."""
    training = task.method.training
    return training.most_epochs if isinstance(training, NetworkTraining) else 0
