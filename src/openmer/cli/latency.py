"""``openmer latency``: how many milliseconds a method's network takes for one clip."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer import deployment, methods, reports
from openmer.cli._console import errors, output, progress
from openmer.cli._options import Json
from openmer.files import replace_file, require_own

if TYPE_CHECKING:
    from openmer.deployment import Latency
    from openmer.reports import Table

_METHODS = ("mobilevit-svm", "dense-attention", "efficient-me", "ststnet")

_TITLE = "Milliseconds a clip, batch 1"


def latency(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="METHOD...", help="Methods with a network; by default four."),
    ] = None,
    rounds: Annotated[
        int,
        typer.Option(
            "--rounds", min=1, max=10_000, help="Rounds in which all take turns; 5 calls each."
        ),
    ] = 20,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.md", help="Also write the table.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Time networks at batch 1 with PyTorch, ONNX Runtime and, where installed, OpenVINO."""
    require_own({} if out is None else {out: f"# {_TITLE}"})
    chosen = [methods.load_method(name) for name in names or _METHODS]
    before = os.getloadavg()[0]
    with progress("latency") as report:
        found = deployment.measure_latency(chosen, rounds=rounds, on_progress=report)
    table = _table(found, before)
    if out is not None:
        text = "\n\n".join([f"# {table.title}", reports.markdown_table(table), *table.notes])
        replace_file(out, f"{text}\n")
        errors.print(f"Table: {out}", soft_wrap=True)
    if as_json:
        typer.echo(json.dumps([_record(one) for one in found]))
    else:
        output.print(reports.terminal_table(table, fold=True))


def _table(found: tuple[Latency, ...], load_before: float) -> Table:
    """Build the table: a line for each network and runtime, a column for each count of threads."""
    threads = sorted({count for _, count in found[0].times_ms})
    runtimes = list(dict.fromkeys(runtime for runtime, _ in found[0].times_ms))
    counts = (f"{count} thread{'s' * (count > 1)}" for count in threads)
    rows = tuple(
        (
            one.method,
            "x".join(map(str, one.input_shape)),
            f"{one.parameters / 1e6:,.2f} M",
            f"{one.macs / 1e6:,.1f} M",
            runtime,
            *(_cell(one, (runtime, count)) for count in threads),
        )
        for one in found
        for runtime in runtimes
    )
    notes = (
        "Median and quartiles of single calls, from a prepared clip to the scores of its classes; "
        "all columns of all rows took turns. Load of the machine (one minute) before "
        f"{load_before:.1f}, after {os.getloadavg()[0]:.1f}, on {os.cpu_count()} cores: with other "
        "work on the cores the times say little.",
    )
    columns = ("method", "input", "weights", "MACs", "runtime", *counts)
    return reports.Table(_TITLE, columns, rows, notes)


def _cell(one: Latency, way: tuple[str, int]) -> str:
    low, middle, high = deployment.quartiles_ms(one, way)
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def _record(one: Latency) -> dict[str, object]:
    return {
        "method": one.method,
        "input_shape": list(one.input_shape),
        "parameters": one.parameters,
        "macs": one.macs,
        "median_ms": {
            f"{runtime}, {threads}": deployment.quartiles_ms(one, (runtime, threads))[1]
            for runtime, threads in one.times_ms
        },
    }
