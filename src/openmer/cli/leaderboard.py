"""``openmer leaderboard``: records of runs that anyone can check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from openmer import reports
from openmer.cli._console import errors, output

app = typer.Typer(help="Add a run to the leaderboard, or check it.", no_args_is_help=True)

_Board = Annotated[Path, typer.Option("--board", help="The folder of the records.")]
_BOARD = Path("leaderboard")


@app.command()
def add(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    board: _Board = _BOARD,
    leaky: Annotated[
        bool, typer.Option("--leaky", help="For the table of runs that are leaky or not audited.")
    ] = False,
) -> None:
    """Write the record of a run: settings, audit, versions, scores and the counts behind them.

    A record names no clip and no subject, and no label of a single clip.
    """
    output.print(str(reports.add_record(run, board, leaky=leaky)), soft_wrap=True)


@app.command()
def check(board: _Board = _BOARD) -> None:
    """Compute every score of every record again, and end with 1 where one differs."""
    wrong = reports.check_records(board)
    for text in wrong:
        errors.print(text, soft_wrap=True)
    if wrong:
        raise typer.Exit(1)
    output.print(f"{len(list(board.glob('*.toml')))} records: every score follows from its counts.")


@app.command()
def page(board: _Board = _BOARD) -> None:
    """Print the tables as Markdown: honest, leaky, and printed by papers; best UF1 first."""
    output.print(reports.leaderboard_page(board), soft_wrap=True, highlight=False)
