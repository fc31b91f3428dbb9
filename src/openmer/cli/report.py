"""``openmer report``: one table and one page from finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from openmer import reports
from openmer.cli._console import errors, output
from openmer.cli._options import Out


def report(
    folders: Annotated[
        list[Path], typer.Argument(help="Run folders, or folders that hold some (runs/).")
    ],
    out: Out = Path("report"),
) -> None:
    """Write report.html, .md, .csv and .tex that show the runs side by side.

    Runs that are unfinished or damaged are listed, and the others reported.
    """
    runs, left_out = reports.find_runs(folders)
    written = reports.write_report(out, runs, left_out)
    output.print(reports.render_terminal(runs))
    for text in left_out:
        errors.print(f"Not in the report: {text}", soft_wrap=True)
    errors.print(f"Report: {written['html']}", soft_wrap=True)
