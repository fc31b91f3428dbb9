"""The headline table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

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
from openmer.reports._table import Cell, Marked, Table, terminal_table

if TYPE_CHECKING:
    from rich.console import Group, RenderableType


def render_terminal(runs: Sequence[Run]) -> Group:
    """Build the headline table, to be printed by a rich console of 80 columns or more.

    Raises:
        DataError: There is no run, or a record does not fit its scores.
    """
    rows = [row_of(*run) for run in ordered(runs)]
    main = titles(main=True)
    table = Table(
        "",
        ("Method", "Epoch rule", *main.values(), "Weights\nTime"),
        tuple(
            (row.title, _rule(row), *(_score(row, name) for name in main),
             f"{row.parameters}\n{row.time}")
            for row in rows
        ),
    )  # fmt: skip
    notes: list[RenderableType] = [Text(_leak_sentence(leak)) for leak in leak_rows(runs)]
    if any(row.leaky for row in rows):
        notes.append(Text.assemble((f" {LEAKY} ", "bold white on red"), " ", LEAKY_MEANS))
    notes += [Text(note, "yellow") for note in notes_of(rows)]
    means = Text(f"{_data(rows)}{INTERVAL_MEANS}", "dim")
    further = terminal_table(_further(rows), fold=True)
    return Group(terminal_table(table), "", further, "", *notes, means)


def _further(rows: Sequence[Row]) -> Table:
    """Build the table of the metrics beside the main ones, without their intervals."""
    names = titles(main=False)
    cells: list[tuple[Cell, ...]] = [
        (row.label, *(_value(row, row.scores[name].value) for name in names)) for row in rows
    ]
    return Table("", ("Further scores", *names.values()), tuple(cells))


def _rule(row: Row) -> Cell:
    mark = Marked(f"\n{LEAKY}", "badge") if row.leaky else Marked(f"\n{HONEST}", "quiet")
    return (row.rule, mark)


def _score(row: Row, name: str) -> Cell:
    found = row.scores[name]
    return (_value(row, found.value), found.spread, Marked(f"\n{found.interval}", "quiet"))


def _value(row: Row, value: str) -> Marked:
    return Marked(value, "leaky" if row.leaky else "strong")


def _leak_sentence(leak: LeakRow) -> str:
    return (
        f"{leak.title}: UF1 {leak.fixed} last epoch, {leak.inner} inner subjects, {leak.held_out} "
        f"held-out subject ({LEAKY}). The leak is worth {leak.gain}."
    )


def _data(rows: Sequence[Row]) -> str:
    """Describe the runs' clips, where they are the same for all of them."""
    found = {f"{row.data}. " for row in rows}
    return found.pop() if len(found) == 1 else ""
