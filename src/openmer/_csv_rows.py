"""Read CSV tables: the one place that parses them, so that all have one bound and one error."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from openmer.errors import DataError, reading_file

MOST_BYTES = 50_000_000
MOST_CELL = 131_072  # characters
_END = "end of the table"  # stands alone in a last row, unless a quote is open there


def csv_text(path: Path, kind: str, todo: str = "Give the path of the CSV file.") -> str:
    """Read a table as text: UTF-8, or UTF-16 where a byte order mark says so.

    Args:
        path: The file.
        kind: What it should be, with its article ("a table of folds, a CSV table of rows").
        todo: What to do where it is no file.

    Raises:
        DataError: There is no such file, it has more than 50 MB, or it is no text.
    """
    with reading_file(path, kind, todo):
        if path.stat().st_size > MOST_BYTES:
            raise DataError(
                f"{path} has more than {MOST_BYTES // 10**6} MB; expected {kind}. {todo}"
            )
        content = path.read_bytes()
    if content.startswith(b"PK\x03\x04"):
        what = "an Excel sheet" if path.suffix.lower() == ".xlsx" else "a zip archive"
        todo = "Save it as CSV" if path.suffix.lower() == ".xlsx" else "Unzip it"
        raise DataError(f"{path} is {what}, expected a CSV file. {todo} and give the path of that.")
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:  # Excel's "Unicode text"; and it writes a byte order mark before UTF-8
        text = content.decode("utf-16" if is_wide else "utf-8-sig")
        at = text.find("\0")
    except UnicodeDecodeError as error:
        text, at = "", error.start
    if at >= 0:
        raise DataError(
            f"{path} is not UTF-8 text (byte {at}), expected a CSV file. Save the table as 'CSV "
            "UTF-8' and give that file."
        )
    return text


def csv_rows(
    path: Path, text: str, separator: str = ",", *, strict: bool = False
) -> Iterator[list[str]]:
    """Split a table into the cells of its rows; an empty line is a row of none.

    Args:
        path: Where the text is from, for errors.
        text: The table.
        separator: One character, between cells.
        strict: Refuse a quote inside of a quoted cell that is not doubled.

    Raises:
        DataError: A cell is too long, a quote is not closed, or it is no table; the row is named.
    """
    csv.field_size_limit(MOST_CELL)
    row: list[str] | None = None
    number = 0
    try:
        lines = chain(io.StringIO(text, newline=""), [_END])
        for found in csv.reader(lines, delimiter=separator, strict=strict):
            if row is not None:
                yield row
            row, number = found, number + 1
    except (csv.Error, TypeError) as error:
        raise DataError(
            f"{path} is no CSV table: {error} in row {number + 1}. Expected at most {MOST_CELL:,} "
            "characters in a cell. Save the table as CSV."
        ) from error
    if row != [_END]:
        raise DataError(f"{path} has a quote that is not closed in row {number}. Close it.")


def csv_records(
    path: Path, text: str, separator: str = ",", *, strict: bool = False
) -> tuple[tuple[str, ...], list[tuple[int, dict[str, str]]]]:
    """Read the rows of a table under its header; empty lines, and the header again, do not count.

    Args:
        path: As in `csv_rows`.
        text: As in `csv_rows`.
        separator: As in `csv_rows`.
        strict: As in `csv_rows`.

    Returns:
        The header, and each row with its number, counted from 1 at the first line. Cells that a
        row does not have are not in it.

    Raises:
        DataError: As `csv_rows` and `own_rows`; two columns have one name, or a row has more cells
            than columns.
    """
    rows = [
        (number, row)
        for number, row in enumerate(csv_rows(path, text, separator, strict=strict), start=1)
        if row
    ]
    header = tuple(rows[0][1]) if rows else ()
    twice = [name for name in header if name and header.count(name) > 1]
    if twice:
        raise DataError(f"{path} has the column {twice[0]!r} more than once. Keep one of them.")
    rows = rows[:1] + own_rows(path, header, rows[1:])
    _refuse_row_names(path, header, [row for _, row in rows[1:]])
    for number, row in rows[1:]:
        if any(row[len(header) :]):
            raise DataError(
                f"{path} row {number} has {len(row)} cells, expected {len(header)}, as many as the "
                "header has. Quote cells that hold the separator."
            )
    return header, [(number, dict(zip(header, row, strict=False))) for number, row in rows[1:]]


def _refuse_row_names(path: Path, header: Sequence[str], rows: Sequence[list[str]]) -> None:
    """Refuse a table as R's `write.table` makes it: names of rows stand under no header.

    Raises:
        DataError: Every row has one cell more than the header, and they begin with 1, 2, 3, ...
    """
    counted = [str(number) for number in range(1, len(rows) + 1)]
    one_more = all(len(row) == len(header) + 1 for row in rows)
    if len(rows) > 1 and one_more and [row[0] for row in rows] == counted:
        raise DataError(
            f"{path} has one cell more in each row than its header, the first of which counts the "
            "rows, as R's write.table does. Write it with row.names = FALSE."
        )


def own_rows(
    path: Path, header: Sequence[str], rows: Sequence[tuple[int, list[str]]]
) -> list[tuple[int, list[str]]]:
    """Leave out the header where it stands again, as in tables that were joined to one.

    Args:
        path: Where they are from, for errors.
        header: Their first row.
        rows: The rows below, with their numbers.

    Raises:
        DataError: It stands again, with the columns in another order.
    """
    own = [one for one in rows if len(header) < 2 or one[1] != list(header)]
    for number, row in own:
        if len(row) > 1 and sorted(row) == sorted(header):
            raise DataError(
                f"{path} row {number} is a header again, with the columns in another order than in "
                "the first. Put the columns of both parts into one order, and take that row out."
            )
    return own
