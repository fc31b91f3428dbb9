"""``openmer audit``: prove that no fold of a method sees its held-out subject."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from openmer import evaluation
from openmer.cli._console import output, progress
from openmer.cli._option_groups import Clips, Compute, Work, tell_failures
from openmer.cli._options import EpochRule, Json, ProtocolOption, Rule

if TYPE_CHECKING:
    from openmer.evaluation import Finding, Task


def audit(
    work: Work,
    clips: Clips,
    compute: Compute,
    epoch_rule: Rule = None,
    folds: ProtocolOption = "loso",
    subjects: Annotated[
        int, typer.Option(min=0, help="Held-out subjects, or groups, to poison; 0 is everybody.")
    ] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="Budget of the poisoned trainings.")] = 4,
    as_json: Json = False,
) -> None:
    """Poison each held-out subject with NaN and compare every bit; exit code 1 on a leak."""
    chosen = work.load()
    source = work.read(clips)
    rule = EpochRule(epoch_rule or chosen.epoch_rule)
    protocol = evaluation.Protocol(epoch_rule=rule.value, folds=folds)
    with progress(chosen.title) as report:
        task = work.prepare(chosen, source, protocol, compute.workers, report)
        task = evaluation.shortened(task, epochs)
        fit = evaluation.package_trainer(task, compute.resources, rule.value)
        findings = evaluation.run_audit(
            task, fit, epoch_rule=rule.value, subjects=subjects, on_progress=report
        )
    clean = not any(finding.severity == "leak" for finding in findings)
    if as_json:
        _print_json(task, rule, findings, clean=clean)
    else:
        _print(task, rule, findings, subjects=subjects, clean=clean)
    tell_failures(task)
    raise typer.Exit(0 if clean else 1)


def _print_json(task: Task, rule: EpochRule, findings: list[Finding], *, clean: bool) -> None:
    """One JSON object."""
    record = {
        "method": task.method.name,
        "epoch_rule": rule.value,
        "protocol": task.protocol,
        "clean": clean,
        "findings": [asdict(finding) for finding in findings],
        "clips": len(task.clips),
        "failures": [asdict(failure) for failure in task.failures],
        "source": dict(task.source),
    }
    typer.echo(json.dumps(record))


def _print(
    task: Task, rule: EpochRule, findings: list[Finding], *, subjects: int, clean: bool
) -> None:
    """Each finding, then the verdict."""
    for finding in findings:
        color = "red" if finding.severity == "leak" else "yellow"
        text = escape(finding.message)
        output.print(f"[{color}]{finding.severity}[/] ({finding.check}) {text}", soft_wrap=True)
    count = len(task.folds) if subjects == 0 else min(subjects, len(task.folds))
    what = "subjects" if task.protocol == "loso" else f"groups ({task.protocol})"
    verdict = "[green]clean[/]" if clean else "[red]leaks[/]"
    output.print(
        f"{task.method.title}, epoch rule {rule.value}: {verdict}. "
        f"{count} of {len(task.folds)} held-out {what} poisoned."
    )
