"""``openmer audit``: prove that no fold of a method sees its held-out subject."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from openmer.cli._clips import clips_of, prepared
from openmer.cli._console import output, progress, tell, warn
from openmer.cli._options import (
    Corpus,
    Device,
    DeviceOption,
    EpochRule,
    FailureOption,
    Frames,
    Json,
    Manifest,
    MethodName,
    OnFailure,
    Overrides,
    Roots,
    Rule,
    SearchFile,
    Variant,
    Workers,
)

if TYPE_CHECKING:
    from openmer.evaluation import Finding, Task


def audit(
    method: MethodName,
    manifest: Manifest = None,
    corpus: Corpus = None,
    root: Roots = None,
    variant: Variant = None,
    frames: Frames = None,
    epoch_rule: Rule = None,
    overrides: Overrides = None,
    search: SearchFile = None,
    subjects: Annotated[
        int, typer.Option(min=0, help="Held-out subjects to poison; 0 is everybody.")
    ] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="Budget of the poisoned trainings.")] = 4,
    device: DeviceOption = Device.auto,
    workers: Workers = 0,
    as_json: Json = False,
    on_failure: FailureOption = OnFailure.list_,
) -> None:
    """Poison each held-out subject with NaN and compare every bit; exit code 1 on a leak."""
    from openmer.evaluation import Protocol, package_trainer, run_audit, shortened
    from openmer.methods import load_method
    from openmer.preprocessing import listed
    from openmer.training import Resources

    chosen = load_method(method, overrides or (), search)
    strict = on_failure == OnFailure.error
    source = clips_of(manifest, corpus, root, variant=variant, frames=frames, strict=strict)
    warn(source.warning)
    rule = EpochRule(epoch_rule or chosen.epoch_rule)
    protocol = Protocol(epoch_rule=rule.value)
    with progress(chosen.title) as report:
        task = prepared(chosen, source, protocol, workers, on_failure, report)
        task = shortened(task, epochs)
        fit = package_trainer(task, Resources(device=device.value), rule.value)
        findings = run_audit(
            task, fit, epoch_rule=rule.value, subjects=subjects, on_progress=report
        )
    clean = not any(finding.severity == "leak" for finding in findings)
    if as_json:
        _print_json(task, rule, findings, clean=clean)
    else:
        _print(task, rule, findings, subjects=subjects, clean=clean)
    tell(listed(task.failures, of=task.asked))
    raise typer.Exit(0 if clean else 1)


def _print_json(task: Task, rule: EpochRule, findings: list[Finding], *, clean: bool) -> None:
    """One JSON object."""
    record = {
        "method": task.method.name,
        "epoch_rule": rule.value,
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
        told = escape(finding.message)
        output.print(f"[{color}]{finding.severity}[/] ({finding.check}) {told}", soft_wrap=True)
    people = len(task.folds) if subjects == 0 else min(subjects, len(task.folds))
    verdict = "[green]clean[/]" if clean else "[red]leaks[/]"
    output.print(
        f"{task.method.title}, epoch rule {rule.value}: {verdict}. "
        f"{people} of {len(task.folds)} held-out subjects poisoned."
    )
