"""The headline table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from openmer.reports._rows import (
    HONEST,
    INTERVAL_MEANS,
    LEAKY,
    LEAKY_MEANS,
    LeakRow,
    Row,
    Run,
    leak_rows,
    notes_of,
    ordered,
    row_of,
    titles,
)

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table
    from rich.text import Text


def render_terminal(runs: Sequence[Run]) -> Group:
    """Build the headline table, to be printed by a rich console of 80 columns or more.

    Raises:
        DataError: There is no run, or a record does not fit its scores.
    """
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = [row_of(*run) for run in ordered(runs)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("Method", overflow="fold", min_width=8)
    table.add_column("Epoch rule", no_wrap=True)
    for title in titles(main=True).values():
        table.add_column(title, no_wrap=True)
    table.add_column("Weights\nTime", no_wrap=True)
    for i, row in enumerate(rows):
        cells = [Text(row.title), _rule(row), *(_score(row, name) for name in titles(main=True))]
        table.add_row(*cells, Text(f"{row.parameters}\n{row.time}"))
        if i + 1 < len(rows):
            table.add_row()
    notes: list[RenderableType] = [Text(_leak_sentence(leak)) for leak in leak_rows(runs)]
    if any(row.leaky for row in rows):
        notes.append(Text.assemble((f" {LEAKY} ", "bold white on red"), " ", LEAKY_MEANS))
    notes += [Text(note, "yellow") for note in notes_of(rows)]
    return Group(table, _further(rows), *notes, Text(f"{_data(rows)}{INTERVAL_MEANS}", "dim"))


def _further(rows: Sequence[Row]) -> Table:
    """Draw the metrics beside the main ones, without their intervals."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    names = titles(main=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("Further scores", overflow="fold", min_width=8)
    for title in names.values():
        table.add_column(title, overflow="fold")
    for row in rows:
        color = "red" if row.leaky else ""
        table.add_row(Text(row.label), *(Text(row.scores[name].value, color) for name in names))
    return table


def _rule(row: Row) -> Text:
    from rich.text import Text

    mark = (f" {LEAKY} ", "bold white on red") if row.leaky else (HONEST, "dim")
    return Text.assemble(row.rule, "\n", mark)


def _score(row: Row, name: str) -> Text:
    from rich.text import Text

    found = row.scores[name]
    value = (found.value, "bold red" if row.leaky else "bold")
    return Text.assemble(value, " ", found.spread, "\n", (found.interval, "dim"))


def _leak_sentence(leak: LeakRow) -> str:
    return (
        f"{leak.title}: UF1 {leak.fixed} last epoch, {leak.inner} inner subjects, {leak.held_out} "
        f"held-out subject ({LEAKY}). The leak is worth {leak.gain}."
    )


def _data(rows: Sequence[Row]) -> str:
    """Describe the runs' clips, where they are the same for all of them."""
    found = {f"{row.data}. " for row in rows}
    return found.pop() if len(found) == 1 else ""
