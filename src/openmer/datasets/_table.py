"""A CSV table that a user wrote: its rows as records, and every mistake named with its row."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from openmer._csv_rows import csv_rows, csv_text, own_rows
from openmer.datasets._numbers import MOST_FPS, is_empty, read_rate
from openmer.datasets._paths import INVISIBLE, kind_of, spelling_of, visible
from openmer.datasets._roots import given_headers
from openmer.errors import DataError

Row = Mapping[str, str]
Item = TypeVar("Item")

_IDS = ("corpus", "subject")  # together they name a subject, as corpus/subject
_NO_VALUE = frozenset({"nan", "NaN", "NaT", "<NA>"})  # as pandas writes an empty cell
_ELSEWHERE: Mapping[str, str] = MappingProxyType(  # how other tables call our columns
    {
        "onset": "onset(f|frame|index|idx)|start(frame)?",
        "apex": "apex(f|frame|index|idx)|peak(frame)?",
        "offset": "offset(f|frame|index|idx)|end(frame)?",
        "fps": "framerate|framespersecond|sampl(e|ing)rate",
        "subject": "participant(id|no)?|person(id|no)?|subj",
        "action_units": "actionunit|facs",
    }
)
_SHOWN_PROBLEMS = 5
_SHOWN_PATHS = 3


class RowProblem(Exception):  # noqa: N818 - collected and reported, never seen by a caller
    """What is wrong with one row; collected so that all rows are reported together."""


class MissingFile(RowProblem):
    """A path that does not exist; reported apart, because one wrong root breaks every row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableForm:
    """How a table has to look, in the words of its errors.

    Attributes:
        kind: How the whole table is called ("a manifest").
        item: What one row stands for ("clip").
        columns: Every column that is read.
        required: The columns that must be there.
        filled: The columns of which no cell may be empty.
        either: Columns of which one must be there; empty where there is no choice.
        once: Columns whose value may stand in the first row of a block alone, as merged cells do.
        aliases: Other names of columns to their own.
        repeated: What to do about an item that is listed twice.
    """

    kind: str
    item: str
    columns: tuple[str, ...]
    required: tuple[str, ...]
    filled: tuple[str, ...]
    either: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    repeated: str = "leave one out"


def read_table(
    path: Path,
    form: TableForm,
    make: Callable[[Row], Item],
    key: Callable[[Item], str],
    notes: list[str] | None = None,
) -> tuple[Item, ...]:
    """Read the items of a table, in the order of its rows; every cell is read as text.

    Args:
        path: The CSV file, UTF-8, with a header row.
        form: Its columns.
        make: The item of a row, by the names of the columns; raises `RowProblem` or `MissingFile`.
        key: What tells one item from another; no two rows may have the same.
        notes: Gets a text on each column in which empty cells were taken as the ones above.

    Raises:
        DataError: The file is missing, is no CSV, or lacks columns; or rows are wrong, in which
            case the first five problems are listed with their row numbers (the header is row 1).
    """
    items: list[Item] = []
    problems: list[str] = []
    missing: list[str] = []
    first_row: dict[str, int] = {}
    short = dict.fromkeys(form.required, "")  # a row may end early
    rows: list[tuple[int, Row]] = [
        (number, short | {name: "" if cell in _NO_VALUE else cell for name, cell in row.items()})
        for number, row in raw_rows(path, form)
    ]
    for number, row in _filled(rows, form, [] if notes is None else notes):
        try:
            _check_cells(row, form)
            item = make(row)
            name = key(item)
            if name in first_row:
                raise RowProblem(
                    f"{form.item} {name!r} is already in row {first_row[name]}; {form.repeated}"
                )
        except MissingFile as problem:
            missing.append(f"row {number}: {problem}")
        except RowProblem as problem:
            problems.append(f"row {number}: {str(problem).removesuffix('.')}")
        except (OSError, ValueError) as problem:  # of a path that no system takes
            reason = getattr(problem, "strerror", None) or problem
            problems.append(f"row {number}: a path cannot be looked up ({reason})")
        else:
            first_row[name] = number
            items.append(item)
    if problems or missing:
        raise DataError(_report(path, problems, missing))
    return tuple(items)


def raw_rows(path: Path, form: TableForm) -> list[tuple[int, Row]]:
    """Return row numbers and cleaned cells under the names of the columns; blank rows are skipped.

    Cells beyond the header are kept under the name "", for `_check_cells` to report.
    """
    _, header, lines = table_cells(path, form)
    rows: list[tuple[int, Row]] = []
    for number, line in lines:
        cells = [cell.strip() for cell in line]
        beyond = ",".join(cells[len(header) :]) if any(cells[len(header) :]) else ""
        rows.append((number, {**dict(zip(header, cells, strict=False)), "": beyond}))
    return rows


def table_cells(
    path: Path, form: TableForm
) -> tuple[list[str], list[str], list[tuple[int, list[str]]]]:
    """Return the header as written, our names of its columns, and the rows that hold something.

    Raises:
        DataError: As `read_table`, but for what the cells hold.
    """
    text, lines, first_row = _lines(path, form)
    while lines and not any(cell.strip() for cell in lines[0]):
        lines, first_row = lines[1:], first_row + 1
    if not lines:
        wanted = ", ".join([*form.required, *([" or ".join(form.either)] if form.either else [])])
        raise DataError(
            f"{path} is empty. Expected a header row ({wanted}) and one row per {form.item}."
        )
    header = _names(lines[0], form)
    _check_given(path, lines[0], form)
    _check_columns(path, header, form)
    rows = [
        (number, line)
        for number, line in enumerate(lines[1:], start=first_row + 1)
        if any(cell.strip() for cell in line)
    ]
    rows = own_rows(path, lines[0], rows)
    if rows and len(rows[-1][1]) < len(header) and not text.endswith(("\n", "\r")):
        raise DataError(
            f"{path} ends within row {rows[-1][0]}, which has {len(rows[-1][1])} of {len(header)} "
            "cells and no end of a line. Copy the file again from its source, or complete the row."
        )
    if not rows:
        raise DataError(f"{path} has a header but no {form.item}s. Add one row per {form.item}.")
    return lines[0], header, rows


def _filled(
    rows: list[tuple[int, Row]], form: TableForm, notes: list[str]
) -> list[tuple[int, Row]]:
    """Take empty cells as the ones above, in columns that name each value once, first of a block.

    That is so where no value follows on itself and at least as many cells are empty as not.
    Anything else stays as it is, and `_check_cells` names it.
    """
    for column in form.once:
        told = [row.get(column, "") for _, row in rows]
        named = [text for text in told if text]
        if not told[0] or len(named) == len(told) or 2 * len(named) > len(told):
            continue
        if any(one == other for one, other in pairwise(named)) or _leaves(rows, column):
            continue
        above = accumulate(bool(text) for text in told)  # how many were named so far
        rows = [
            (n, {**row, column: named[at - 1]}) for (n, row), at in zip(rows, above, strict=True)
        ]
        lacking = len(told) - len(named)
        notes.append(f"{lacking} rows without a {column} were taken as of the one above")
    return rows


def _leaves(rows: Sequence[tuple[int, Row]], column: str) -> bool:
    """Return whether a row without a value is of another corpus than the one above."""
    inner = [(row.get(_IDS[0], ""), row.get(column, "")) for _, row in rows]
    return column != _IDS[0] and any(
        above[0] != row[0] and not row[1] for above, row in pairwise(inner)
    )


def _lines(path: Path, form: TableForm) -> tuple[str, list[list[str]], int]:
    """Split a table into cells; return its text, them, and the number of the header's row.

    A first line ``sep=;`` is obeyed. Without one, semicolons or tabs are taken where they give
    more of the columns than commas do.
    """
    kind, todo = f"{form.kind}, a CSV table of {form.item}s", "Give the path of the CSV file."
    if not path.is_file():
        found = kind_of(path) or "nothing"
        raise DataError(f"Expected {kind}, at {path}, found {found}. {todo}")
    text = csv_text(path, kind, todo)
    stated = re.match(r"\s*sep=(.)\s*?(?:\r\n|\r|\n)", text, flags=re.IGNORECASE)
    if stated:
        return text, list(csv_rows(path, text[stated.end() :], stated[1])), 2
    first = text.lstrip("\r\n").split("\n", 1)[0]
    separator = max(",;\t", key=lambda one: _columns(first.split(one), form))
    return text, list(csv_rows(path, text, separator)), 1


def _columns(cells: Sequence[str], form: TableForm) -> int:
    """Count the columns of a table among the cells of a line."""
    return len(set(form.columns) & set(_names([cell.strip(' \r"') for cell in cells], form)))


def _names(cells: Sequence[str], form: TableForm) -> list[str]:
    """Return our names of the columns of a header; of others, theirs.

    A column whose header the user named counts in place of one that has our name.
    """
    given = given_headers("manifest", form.columns)
    own = {spelling_of(header): name for name, all_of in given.items() for header in all_of}
    cells = [INVISIBLE.sub("", cell).strip() for cell in cells]
    names = [own.get(spelling_of(cell)) for cell in cells]
    taken = set(filter(None, names))
    for at, cell in enumerate(cells):
        name = cell.lower()
        name = form.aliases.get(name, name)
        names[at] = names[at] or (f"{name} (not used)" if name in taken else name)
    return [name or "" for name in names]


def fps_of(row: Row) -> Fraction | None:
    """Read the exact frames per second of a row; None where the cell is empty.

    Raises:
        RowProblem: It is no rate of at most 100,000 frames per second.
    """
    text = row.get("fps", "")
    rate = read_rate(text)
    if rate is None and not is_empty(text):
        raise RowProblem(
            f"fps {shortened(text)} is not a rate; write 200, 29.97 or 30000/1001, at most "
            f"{MOST_FPS}"
        )
    return rate


def shortened(text: str) -> str:
    """Quote a cell for a message, cut off after 60 characters."""
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


def _check_given(path: Path, cells: Sequence[str], form: TableForm) -> None:
    """Raise if a header that the user named is not there."""
    found = {spelling_of(INVISIBLE.sub("", cell).strip()) for cell in cells}
    for name, headers in given_headers("manifest", form.columns).items():
        if found.isdisjoint(map(spelling_of, headers)):
            raise DataError(
                f"{path} has no column {headers[0]!r}, which --column names for {name}. Found: "
                f"{', '.join(cells)}. Correct the option."
            )


def _check_columns(path: Path, header: Sequence[str], form: TableForm) -> None:
    """Raise if columns are missing or doubled; nearest names are suggested."""
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise DataError(f"{path} has the column {twice[0]!r} more than once. Keep one of them.")
    missing = [name for name in form.required if name not in header]
    if form.either and not set(form.either) & set(header):
        missing.append(" or ".join(form.either))
    unknown = [name for name in header if name not in form.columns]
    hints = []
    for name in (*missing, *(name for name in form.columns if name not in (*missing, *header))):
        # A misspelt optional column would be ignored in silence: "apexx" is an error, too.
        cutoff = 0.5 if name in missing else 0.8
        near = difflib.get_close_matches(name.split(" ")[0], unknown, n=1, cutoff=cutoff)
        near = near or [one for one in unknown if _means(one, name)]
        if near:
            hints.append(f"{name} (is {near[0]!r} meant?)")
            unknown.remove(near[0])
        elif name in missing:
            hints.append(name)
    if not hints:
        return
    raise DataError(
        f"{path} lacks the column {', '.join(hints)}. Found: {', '.join(header)}. Rename or add "
        "columns in the first row, or give --column NAME=HEADER."
    )


def _means(header: str, name: str) -> bool:
    """Whether a header is what other tables call one of our columns."""
    letters = re.sub(r"[\W_]", "", header)
    return name in _ELSEWHERE and bool(re.fullmatch(_ELSEWHERE[name], letters))


def _check_cells(row: Row, form: TableForm) -> None:
    """Raise if the row has too many cells, an empty one that must not be, or an id with a slash."""
    if row[""]:
        raise RowProblem(f"more cells than columns, from {row['']!r} on; quote cells with commas")
    for column in form.filled:
        if not visible(row.get(column, "")):
            hint = f", unless each {column} stands in the first of its rows alone"
            hint = hint if column in form.once else ""
            raise RowProblem(f"{column} is empty; every {form.item} needs one{hint}")
        if any(unicodedata.category(c) == "Cc" for c in row[column]):
            raise RowProblem(
                f"{column} {shortened(row[column])} holds a line break or a control character; "
                "take it out"
            )
    for column in _IDS:
        if re.search(r"[/\\]", row.get(column, "")):
            raise RowProblem(f"{column} {row[column]!r} holds a slash; use another character")


def _report(path: Path, problems: Sequence[str], missing: Sequence[str]) -> str:
    """One message over all rows."""
    parts = []
    if problems:
        shown = "; ".join(problems[:_SHOWN_PROBLEMS])
        parts.append(f"{path} has {len(problems)} wrong rows, e.g. {shown}. Correct them.")
    if missing:
        shown = "; ".join(missing[:_SHOWN_PATHS])
        parts.append(
            f"{path} names {len(missing)} paths that are not there, e.g. {shown}. Paths are "
            f"relative to {path.parent}: unpack the files there or correct the column."
        )
    return " ".join(parts)
