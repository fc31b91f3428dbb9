"""``openmer audit``: prove that no fold of a method sees its held-out person."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from openmer.cli.console import output, progress
from openmer.cli.options import (
    Device,
    DeviceOption,
    EpochRule,
    Json,
    Manifest,
    MethodName,
    Overrides,
    Rule,
    Workers,
)


def audit(
    method: MethodName,
    manifest: Manifest,
    epoch_rule: Rule = EpochRule.fixed,
    overrides: Overrides = None,
    persons: Annotated[
        int, typer.Option(min=0, help="Held-out persons to poison; 0 is everybody.")
    ] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="Budget of the poisoned trainings.")] = 4,
    device: DeviceOption = Device.auto,
    workers: Workers = 0,
    as_json: Json = False,
) -> None:
    """Poison each held-out person with NaN and compare every bit; exit code 1 on a leak."""
    from openmer.datasets.manifest import read_manifest
    from openmer.evaluation.audit import audit as run_audit
    from openmer.evaluation.audit import package_trainer, shortened
    from openmer.evaluation.task import Protocol, prepare_task
    from openmer.methods import load_method
    from openmer.training import Resources

    chosen = load_method(method, overrides or ())
    clips = read_manifest(manifest)
    protocol = Protocol(epoch_rule=epoch_rule.value)
    with progress(chosen.title) as report:
        task = prepare_task(chosen, clips, protocol=protocol, workers=workers, on_progress=report)
        task = shortened(task, epochs)
        fit = package_trainer(task, Resources(device=device.value))
        findings = run_audit(
            task, fit, epoch_rule=epoch_rule.value, persons=persons, on_progress=report
        )
    clean = not any(finding.severity == "leak" for finding in findings)
    if as_json:
        record = {"method": chosen.name, "epoch_rule": epoch_rule.value, "clean": clean}
        typer.echo(json.dumps({**record, "findings": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            color = "red" if finding.severity == "leak" else "yellow"
            output.print(f"[{color}]{finding.severity}[/] ({finding.check}) {finding.message}")
        people = len(task.folds) if persons == 0 else min(persons, len(task.folds))
        verdict = "[green]clean[/]" if clean else "[red]leaks[/]"
        output.print(
            f"{chosen.title}, epoch rule {epoch_rule.value}: {verdict}. "
            f"{people} of {len(task.folds)} held-out persons poisoned."
        )
    raise typer.Exit(0 if clean else 1)
