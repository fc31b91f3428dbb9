"""A table in words, and one writer for each format."""

from __future__ import annotations

import csv
import html
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from openmer.reports._rows import plain

if TYPE_CHECKING:
    from rich.table import Table as RichTable


class Marked(NamedTuple):
    """Text that stands out: a record, because a cell is either this or plain text.

    "badge" is a warning in itself, "leaky" a number to distrust, "ours" the head of a row of our
    own among those of others.
    """

    text: str
    mark: Literal["strong", "quiet", "leaky", "badge", "ours"]


Piece = str | Marked
Cell = Piece | tuple[str | Marked, ...]
"""Pieces of a cell are set apart by a space, or by the line end that the later one begins with."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table, for every format.

    Attributes:
        title: Above the table.
        columns: Headings.
        rows: Cells of each line.
        notes: Sentences below the table.
        align: "l" or "r" for each column; empty for all to the left.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    align: str = ""


_MARKDOWN = re.compile(r"([\\`*_\[\]|~#])")
_STYLES = {"strong": "bold", "quiet": "dim", "leaky": "bold red", "badge": "bold white on red"}
_STYLES |= {"ours": _STYLES["strong"]}
_MOST_BESIDE, _MOST_HEADS = 5, 40  # columns, and letters of their headings, on a narrow screen
_BOLD = frozenset({"badge", "ours"})
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    # At the start of a row, after \\, these would be read as its options.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "\N{EN DASH}": "--",
    "\N{MINUS SIGN}": "$-$",
    "±": r"$\pm$",
    **{special: "\\" + special for special in "&%$#_{}"},
}


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows as it is, inside a table too."""
    return _MARKDOWN.sub(r"\\\1", html.escape(plain(text), quote=False))


def escape_latex(text: str) -> str:
    """Return text that LaTeX prints as it is."""
    return "".join(_LATEX.get(character, character) for character in plain(text))


def markdown_table(table: Table) -> str:
    """Write columns and rows as GitHub Markdown; title and notes are the page's."""

    def cell(found: Cell) -> str:
        return " ".join(
            f"**{escape_markdown(text)}**" if mark in _BOLD else escape_markdown(text)
            for text, mark in _pieces(found)
        )

    rules = ["---:" if side == "r" else "---" for side in _align(table)]
    lines = [[*map(escape_markdown, table.columns)], rules, *(map(cell, r) for r in table.rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def html_table(table: Table, label: str = "") -> str:
    """Write the table for a page with our style sheet; a narrow screen shows a row as a card.

    Args:
        table: The title is shown above it, where there is one.
        label: What it is, for those who hear the page; the title by default.
    """
    is_narrow = len(table.columns) <= _MOST_BESIDE and len("".join(table.columns)) <= _MOST_HEADS
    kind = "wide" if is_narrow else "wide cards"
    sides = [' class="num"' if side == "r" else "" for side in _align(table)]
    names = [html.escape(plain(name)) for name in table.columns]
    heads = "".join(
        f'<th role="columnheader" scope="col"{side}>{name}</th>'
        for name, side in zip(names, sides, strict=True)
    )
    spoken = html.escape(plain(label or table.title))
    lines = [
        f'<div class="scroll" tabindex="0" role="region" aria-label="{spoken}">',
        f'<table role="table" class="{kind}">',
        *([f"<caption>{html.escape(plain(table.title))}</caption>"] if table.title else []),
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>',
        '<tbody role="rowgroup">',
        *(_html_row(row, names, sides) for row in table.rows),
        "</tbody>",
        "</table>",
        "</div>",
        *(f'<p class="sub">{html.escape(plain(note))}</p>' for note in table.notes),
    ]
    return "\n".join(lines)


def _html_row(row: tuple[Cell, ...], names: list[str], sides: list[str]) -> str:
    cells = [f'<th role="rowheader" scope="row">{_html_cell(row[0])}</th>']
    cells += [
        f'<td role="cell"{side} data-label="{name}"><span>{_html_cell(cell)}</span></td>'
        for cell, name, side in zip(row[1:], names[1:], sides[1:], strict=True)
    ]
    return f'<tr role="row">{"".join(cells)}</tr>'


def _html_cell(cell: Cell) -> str:
    return " ".join(_html_piece(html.escape(plain(text)), mark) for text, mark in _pieces(cell))


def _html_piece(shown: str, mark: str) -> str:
    tag = "strong" if mark == "badge" else "span"
    return f'<{tag} class="{mark}">{shown}</{tag}>' if mark else shown


def latex_table(table: Table, label: str) -> str:
    r"""Write the table for a paper with ``\usepackage{booktabs}``; the caption has the notes."""

    def line(row: tuple[Cell, ...]) -> str:
        return "    " + " & ".join(map(cell, row)) + r" \\"

    def cell(found: Cell) -> str:
        return " ".join(
            rf"\textbf{{{escape_latex(text)}}}" if mark in _BOLD else escape_latex(text)
            for text, mark in _pieces(found)
        )

    caption = escape_latex(" ".join([table.title, *table.notes]))
    body = "\n".join(map(line, table.rows))
    return (
        "\\begin{table}\n  \\centering\n  \\footnotesize\n"
        f"  \\caption{{{caption}}}\n  \\label{{{label}}}\n"
        f"  \\begin{{tabular}}{{{_align(table)}}}\n    \\toprule\n{line(table.columns)}\n"
        f"    \\midrule\n{body}\n    \\bottomrule\n  \\end{{tabular}}\n\\end{{table}}\n"
    )


def csv_table(table: Table) -> str:
    """Write columns and rows as CSV, in which no spreadsheet takes a text for a formula."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow(
            _guarded(" ".join(plain(text) for text, _ in _pieces(cell))) for cell in row
        )
    return sheet.getvalue()


def terminal_table(table: Table, *, fold: bool = False) -> RichTable:
    """Build the table for a rich console of 80 columns or more.

    Args:
        table: Line ends in its cells are kept.
        fold: Whether columns beside the first one may break words.
    """
    made = RichTable(
        title=table.title or None, title_justify="left", header_style="bold", pad_edge=False,
        box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), leading=_has_lines(table),
        caption="\n".join(table.notes) or None, caption_justify="left",
    )  # fmt: skip
    for place, (heading, side) in enumerate(zip(table.columns, _align(table), strict=True)):
        made.add_column(
            heading, overflow="fold", no_wrap=bool(place) and not fold,
            min_width=None if place or fold else 8, justify="right" if side == "r" else "left",
        )  # fmt: skip
    for row in table.rows:
        shown = [Text() for _ in row]
        for place, cell in enumerate(row):
            for text, mark in _pieces(cell):
                gap = " " if shown[place] and not text.startswith("\n") else ""
                shown[place].append(gap).append(text, _STYLES.get(mark, ""))
        made.add_row(*shown)
    return made


def _has_lines(table: Table) -> bool:
    return any("\n" in text for row in table.rows for cell in row for text, _ in _pieces(cell))


def _align(table: Table) -> str:
    return table.align or "l" * len(table.columns)


def _pieces(cell: Cell) -> list[tuple[str, str]]:
    """Return texts with their marks, without those that are empty."""
    pieces = (cell,) if isinstance(cell, str | Marked) else cell
    marked = [(piece, "") if isinstance(piece, str) else tuple(piece) for piece in pieces]
    return [(text, mark) for text, mark in marked if text]


def _guarded(text: str) -> str:
    """Return text that no spreadsheet takes for a formula; a number stays one."""
    if not text.startswith(("=", "+", "-", "@")) or re.fullmatch(r"-\d+(\.\d+)?", text):
        return text
    return f"'{text}"
