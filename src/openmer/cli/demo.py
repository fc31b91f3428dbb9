"""``openmer demo``: the main job, end to end, on the synthetic corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from openmer import datasets, evaluation, methods, reports, training
from openmer.cli._console import errors, output, progress
from openmer.cli._option_groups import prepare

EpochRule = Literal["fixed", "inner", "held_out"]

_RUNS: tuple[tuple[str, EpochRule, tuple[str, ...], int], ...] = (
    ("flow-svm", "fixed", (), 1),
    ("ststnet", "fixed", ("training.epochs=40",), 5),
    ("ststnet", "held_out", ("training.epochs=40",), 5),
)
"""Method, epoch rule, overrides and number of seeds. One seed would leave the leak to chance."""


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("openmer-demo"),
    size: Annotated[str, typer.Option(help="Synthetic corpus: tiny, demo or subtle.")] = "subtle",
) -> None:
    """Make clips, train every fold, audit, and write a report: two minutes on two cores."""
    with progress("Synthetic corpus") as report:
        manifest = datasets.write_corpus(
            out / "corpus", size, progress=lambda done, total: report("write", done, total)
        )
    clips = datasets.from_manifest(manifest)
    runs = []
    for name, rule, overrides, seeds in _RUNS:
        method = methods.load_method(name, overrides)
        protocol = evaluation.Protocol(epoch_rule=rule, seeds=tuple(range(seeds)))
        with progress(f"{method.title}, {rule}") as report:
            folder = evaluation.evaluate(
                method, clips, protocol, out=out / "runs", on_progress=report
            )
        runs.append(evaluation.load_run(folder))
    with progress("Audit") as report:
        method = methods.load_method("ststnet")
        task = evaluation.shortened(prepare(method, clips, evaluation.Protocol(), 0, report), 4)
        fit = evaluation.package_trainer(task, training.Resources())
        findings = evaluation.run_audit(task, fit, subjects=2, on_progress=report)
    leaks = [finding for finding in findings if finding.severity == "leak"]
    written = reports.write_report(out, runs)
    output.print(reports.render_terminal(runs))
    for finding in leaks:
        errors.print(f"leak {finding.message}", style="red")
    output.print(f"Audit of ststnet: {'leaks' if leaks else 'clean'}.")
    output.print(f"Report: {written['html'].resolve()}", soft_wrap=True)
    raise typer.Exit(1 if leaks else 0)
