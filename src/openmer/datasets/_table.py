"""A CSV table that a user wrote: its rows as records, and every mistake named with its row."""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from openmer.datasets._numbers import MOST_FPS, is_empty, read_rate
from openmer.errors import DataError

Row = Mapping[str, str]
Item = TypeVar("Item")

_IDS = ("corpus", "subject")  # together they name a subject, as corpus/subject
MOST_BYTES = 50_000_000
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
        aliases: Other names of columns to their own.
        repeated: What to do about an item that is listed twice.
    """

    kind: str
    item: str
    columns: tuple[str, ...]
    required: tuple[str, ...]
    filled: tuple[str, ...]
    either: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    repeated: str = "leave one out"


def read_table(
    path: Path, form: TableForm, make: Callable[[Row], Item], key: Callable[[Item], str]
) -> tuple[Item, ...]:
    """Read the items of a table, in the order of its rows; every cell is read as text.

    Args:
        path: The CSV file, UTF-8, with a header row.
        form: Its columns.
        make: The item of a row, by the names of the columns; raises `RowProblem` or `MissingFile`.
        key: What tells one item from another; no two rows may have the same.

    Raises:
        DataError: The file is missing, is no CSV, or lacks columns; or rows are wrong, in which
            case the first five problems are listed with their row numbers (the header is row 1).
    """
    items: list[Item] = []
    problems: list[str] = []
    missing: list[str] = []
    first_row: dict[str, int] = {}
    for number, row in raw_rows(path, form):
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
            problems.append(f"row {number}: {problem}")
        except (OSError, ValueError) as problem:  # of a path that no system takes
            problems.append(f"row {number}: {shortened(str(problem))}")
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
    lines, first_row = _lines(path, form)
    if not lines or not any(cell.strip() for cell in lines[0]):
        wanted = ", ".join([*form.required, *([" or ".join(form.either)] if form.either else [])])
        raise DataError(
            f"{path} is empty. Expected a header row ({wanted}) and one row per {form.item}."
        )
    header = [cell.strip().lower() for cell in lines[0]]
    header = [form.aliases.get(name, name) for name in header]
    _check_columns(path, header, form)
    rows: list[tuple[int, Row]] = []
    for number, line in enumerate(lines[1:], start=first_row + 1):
        cells = [cell.strip() for cell in line]
        if any(cells):
            beyond = ",".join(cells[len(header) :])
            rows.append((number, {**dict(zip(header, cells, strict=False)), "": beyond}))
    if not rows:
        raise DataError(f"{path} has a header but no {form.item}s. Add one row per {form.item}.")
    return rows


def _lines(path: Path, form: TableForm) -> tuple[list[list[str]], int]:
    """Split a table into cells; return them with the number of the header's row.

    A first line ``sep=;`` is obeyed. Without one, semicolons or tabs are taken where commas give
    no header and they do.
    """
    text = _text(path, form)
    stated = re.match(r"\s*sep=(.)\s*?(?:\r\n|\r|\n)", text, flags=re.IGNORECASE)
    if stated:
        return _split(path, text[stated.end() :], stated[1]), 2
    first = text.split("\n", 1)[0]
    separators = [",", ";", "\t"]
    fitting = [one for one in separators if _has_columns(first.split(one), form)]
    return _split(path, text, (fitting or separators)[0]), 1


def _has_columns(cells: Sequence[str], form: TableForm) -> bool:
    names = [cell.strip(' \r"').lower() for cell in cells]
    return set(form.required) <= {form.aliases.get(name, name) for name in names}


def _split(path: Path, text: str, separator: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except (csv.Error, TypeError) as error:
        raise DataError(f"{path} is no CSV table: {error}. Save the table as CSV.") from error


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


def _text(path: Path, form: TableForm) -> str:
    """Read the file as text; refuse one that is none."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise DataError(
            f"Expected {form.kind}, a CSV table of {form.item}s, at {path}, found {found}. Give "
            "the path of the CSV file."
        )
    if path.stat().st_size > MOST_BYTES:
        raise DataError(
            f"{path} has more than {MOST_BYTES // 10**6} MB; expected {form.kind}, a CSV table. "
            "Give the path of the CSV file."
        )
    content = path.read_bytes()
    if content.startswith(b"PK\x03\x04"):
        what = "an Excel sheet" if path.suffix.lower() == ".xlsx" else "a zip archive"
        todo = "Save it as CSV" if path.suffix.lower() == ".xlsx" else "Unzip it"
        raise DataError(f"{path} is {what}, expected a CSV file. {todo} and give the path of that.")
    try:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return content.decode("utf-16")  # Excel's "Unicode text"
        return content.decode("utf-8-sig")  # Excel writes a byte order mark
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte {error.start}), expected a CSV file. Save the table "
            "as 'CSV UTF-8' and give that file."
        ) from error


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
        if near:
            hints.append(f"{name} (is {near[0]!r} meant?)")
            unknown.remove(near[0])
        elif name in missing:
            hints.append(name)
    if not hints:
        return
    advice = "Rename or add columns in the first row."
    if len(header) == 1 and re.search(r"[;\t]", header[0]):
        advice = "The columns seem to be separated by semicolons or tabs; use commas."
    raise DataError(
        f"{path} lacks the column {', '.join(hints)}. Found: {', '.join(header)}. {advice}"
    )


def _check_cells(row: Row, form: TableForm) -> None:
    """Raise if the row has too many cells, an empty one that must not be, or an id with a slash."""
    if row[""]:
        raise RowProblem(f"more cells than columns, from {row['']!r} on; quote cells with commas")
    for column in form.filled:
        if not row.get(column):
            raise RowProblem(f"{column} is empty; every {form.item} needs one")
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
