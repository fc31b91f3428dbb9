"""``openmer evaluate``: train and judge a method on a corpus, all folds at once."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from openmer.cli.console import errors, output, progress
from openmer.cli.options import (
    Compiled,
    Device,
    DeviceOption,
    EpochRule,
    Json,
    Manifest,
    MemoryGib,
    MethodName,
    Out,
    Overrides,
    Rule,
    Strategy,
    Workers,
)


def evaluate(
    method: MethodName,
    manifest: Manifest,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds 0 to N-1.")] = 1,
    epoch_rule: Rule = EpochRule.fixed,
    overrides: Overrides = None,
    device: DeviceOption = Device.auto,
    out: Out = Path("runs"),
    as_json: Json = False,
    workers: Workers = 0,
    memory_gib: MemoryGib = 0.0,
    strategy: Annotated[Strategy, typer.Option(help="How to run all folds.")] = Strategy.auto,
    compiled: Annotated[Compiled, typer.Option(help="Compile the step.")] = Compiled.auto,
    shuffle_labels: Annotated[
        int | None,
        typer.Option("--shuffle-labels", help="Control: permute the labels with this number."),
    ] = None,
) -> None:
    """Judge a method by leave-one-subject-out; stop and resume at will, the bytes are the same."""
    from openmer.datasets.manifest import read_manifest
    from openmer.evaluation.run import judge
    from openmer.evaluation.task import Protocol
    from openmer.methods import load_method
    from openmer.training import Resources

    chosen = load_method(method, overrides or ())
    clips = read_manifest(manifest)
    protocol = Protocol(
        epoch_rule=epoch_rule.value, seeds=tuple(range(seeds)), label_permutation=shuffle_labels
    )
    resources = Resources(
        device=device.value,
        strategy=strategy.value,
        workers=workers,
        memory_gib=memory_gib,
        compiled=compiled.value,
    )
    with progress(chosen.title) as report:
        folder = judge(
            chosen,
            clips,
            protocol,
            out=out,
            resources=resources,
            command=shlex.join(["openmer", *sys.argv[1:]]),
            on_progress=report,
        )
    _show(folder, as_json=as_json)


def _show(folder: Path, *, as_json: bool) -> None:
    """The run's numbers, and where its report lies."""
    from openmer.evaluation.report import render_terminal, write_report
    from openmer.evaluation.run_info import load_run

    info, summary = load_run(folder)
    written = write_report(folder, [(info, summary)])
    if as_json:
        record = {
            "method": info.method,
            "epoch_rule": info.epoch_rule,
            "leaky": info.leaky,
            **summary.to_json(),
            "parameters": info.parameters,
            "seconds": info.seconds,
            "run": str(folder),
        }
        typer.echo(json.dumps(record))
        return
    output.print(render_terminal([(info, summary)]))
    errors.print(f"Report: {written['html']}", soft_wrap=True)
