"""``openmer report``: one table and one page from finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from openmer import evaluation, reports
from openmer.cli._console import errors, output
from openmer.cli._options import Out
from openmer.errors import DataError


def report(
    folders: Annotated[
        list[Path], typer.Argument(help="Run folders, or folders that hold some (runs/).")
    ],
    out: Out = Path("report"),
) -> None:
    """Write report.html, .md, .csv and .tex that show the runs side by side."""
    runs = [evaluation.load_run(folder) for folder in _run_folders(folders)]
    written = reports.write_report(out, runs)
    output.print(reports.render_terminal(runs))
    errors.print(f"Report: {written['html']}", soft_wrap=True)


def _run_folders(folders: list[Path]) -> list[Path]:
    """Every folder with a ``run.toml`` at or below those given."""
    found = sorted({path.parent for folder in folders for path in folder.rglob("run.toml")})
    if not found:
        names = ", ".join(map(str, folders))
        raise DataError(
            f"There is no run in {names}: no run.toml at or below it. Give the folder that "
            "`openmer evaluate --out` wrote to."
        )
    return found
