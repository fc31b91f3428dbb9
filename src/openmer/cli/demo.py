"""``openmer demo``: the main job, end to end, on the synthetic corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from openmer.cli._console import errors, output, progress

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
    from openmer.datasets import read_manifest, write_corpus
    from openmer.evaluation import (
        Protocol,
        evaluate,
        load_run,
        package_trainer,
        prepare_task,
        run_audit,
        shortened,
    )
    from openmer.methods import load_method
    from openmer.preprocessing import ArrayCache
    from openmer.reports import render_terminal, write_report
    from openmer.training import Resources

    with progress("Synthetic corpus") as report:
        manifest = write_corpus(
            out / "corpus", size, progress=lambda done, total: report("write", done, total)
        )
    clips = read_manifest(manifest)
    runs = []
    for name, rule, overrides, seeds in _RUNS:
        method = load_method(name, overrides)
        protocol = Protocol(epoch_rule=rule, seeds=tuple(range(seeds)))
        with progress(f"{method.title}, {rule}") as report:
            folder = evaluate(method, clips, protocol, out=out / "runs", on_progress=report)
        runs.append(load_run(folder))
    with progress("Audit") as report:
        method = load_method("ststnet")
        task = shortened(prepare_task(method, clips, protocol=Protocol(), cache=ArrayCache()), 4)
        fit = package_trainer(task, Resources())
        findings = run_audit(task, fit, subjects=2, on_progress=report)
    leaks = [finding for finding in findings if finding.severity == "leak"]
    written = write_report(out, runs)
    output.print(render_terminal(runs))
    for finding in leaks:
        errors.print(f"[red]leak[/] {finding.message}")
    output.print(f"Audit of ststnet: {'leaks' if leaks else 'clean'}.")
    output.print(f"Report: {written['html'].resolve()}", soft_wrap=True)
    raise typer.Exit(1 if leaks else 0)
