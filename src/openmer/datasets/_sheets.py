"""Sheets as rows of text: the header is found by what it says, not by where it stands."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from openmer.datasets._reading import Problem, error, note
from openmer.datasets._roots import column_names, config_file
from openmer.datasets._workbook import Cells, Line, read_workbook
from openmer.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRow:
    """One row under the header.

    Attributes:
        number: Its number in the sheet, counted from 1.
        cells: Text under each name asked for; an absent column or an empty cell is "".
        columns: Every column of the header, as the sheet writes it.
    """

    number: int
    cells: Mapping[str, str]
    columns: tuple[str, ...]

    def __getitem__(self, name: str) -> str:
        return self.cells[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The rows under the header of a sheet, and what was made of it that its authors did not write.

    A record, because a reader takes the rows and passes the notes on.

    Attributes:
        rows: In their order.
        notes: Which of several sheets was used, that cells are merged, whom empty cells stand for.
    """

    rows: tuple[SheetRow, ...]
    notes: tuple[Problem, ...]


def read_cells(path: Path, sheet: str) -> list[Line]:
    """Read the rows of a sheet that hold a value, with their numbers counted from 1.

    Args:
        path: An .xlsx file.
        sheet: Name of the sheet.

    Raises:
        DataError: The file is no .xlsx workbook (see `read_workbook`), or has no such sheet.
    """
    return _named(path, sheet)[sheet].lines


def read_sheet(
    corpus: str,
    path: Path,
    wanted: Mapping[str, Sequence[str]],
    *,
    sheet: str | None = None,
    prefer: str = "",
    optional: Sequence[str] = (),
) -> Sheet:
    """Read the rows under the header, which is the first row that has every column wanted.

    Rows that are empty in every wanted column are skipped. Where the subject stands in the first
    row of a block only, the rows below are taken as theirs.

    Args:
        corpus: Whose sheet it is: the config file may name its columns otherwise.
        path: An .xlsx file.
        wanted: Our name of a column to the names it has in the sheet; case, spaces and punctuation
            do not count.
        sheet: Name of the sheet; None tries all, and takes the first that has such a header.
        prefer: Name of the sheet that is tried first, where there is one of it.
        optional: Names in `wanted` that may be absent.

    Raises:
        ConfigError: The config file or the user names a column that is not wanted.
        DataError: No row is such a header; says which column is missing from the best one.
    """
    sheets = _named(path, sheet) if sheet else read_workbook(path)
    wanted = column_names(corpus, wanted)
    required = [name for name in wanted if name not in optional]
    best: tuple[str, int, list[str]] = ("", 1, required)
    for name, cells in sorted(sheets.items(), key=lambda named: named[0] != prefer):
        for at, (number, line) in enumerate(cells.lines):
            places = _places(line, wanted)
            missing = [column for column in required if column not in places]
            if not missing:
                rows = _rows(cells.lines[at + 1 :], line, places, dict.fromkeys(wanted, ""))
                rows, fractions = _without_fractions(path, rows)
                rows, notes = _with_subjects(path, rows)
                notes = [*_notes(path, name, sheets), *fractions, *notes]
                return Sheet(rows=tuple(rows), notes=tuple(notes))
            if len(missing) < len(best[2]):
                best = (name, number, missing)
    raise DataError(
        f"{path} has no header row with {', '.join(wanted[name][0] for name in required)} in any "
        f"of its sheets ({', '.join(sheets) or 'none holds a value'}); nearest is row {best[1]} of "
        f"{best[0] or 'the first'}, without {', '.join(wanted[n][0] for n in best[2])}. Use the "
        f"authors' file as it was released, give --column {best[2][0]}=HEADER, or write "
        f'[columns.{corpus}] and {best[2][0]} = "its header" into {config_file()}.'
    )


def _named(path: Path, sheet: str) -> dict[str, Cells]:
    """Read the workbook; return the sheet of this name alone."""
    sheets = read_workbook(path)
    if sheet not in sheets:
        raise DataError(
            f"{path} has no sheet {sheet!r}; it has {', '.join(sheets) or 'none with a value'}. "
            "Use the authors' file."
        )
    return {sheet: sheets[sheet]}


def _notes(path: Path, used: str, sheets: Mapping[str, Cells]) -> list[Problem]:
    """Say which sheet was used, and that cells of it are merged."""
    notes = []
    if len(sheets) > 1:
        notes.append(note(path.name, f"the sheet {used!r} was read, of {', '.join(sheets)}"))
    if sheets[used].merged:
        text = f"{sheets[used].merged} ranges of merged cells were read as that many equal cells"
        notes.append(note(path.name, text))
    return notes


def _without_fractions(path: Path, rows: list[SheetRow]) -> tuple[list[SheetRow], list[Problem]]:
    """Read "sub4.0" as "sub4": a program took the number of the subject for one with a fraction."""
    told = [row.cells.get("subject", "") for row in rows]
    plain = [re.sub(r"(?<=[0-9])\.0+$", "", text) for text in told]
    lost = [text for text, new in zip(told, plain, strict=True) if text != new]
    if not lost:
        return rows, []
    made = [
        replace(row, cells={**row.cells, "subject": new})
        for row, new in zip(rows, plain, strict=True)
    ]
    text = f"{len(lost)} subjects with a fraction, such as {lost[0]!r}, were read without it"
    return made, [note(path.name, text)]


def _with_subjects(path: Path, rows: list[SheetRow]) -> tuple[list[SheetRow], list[Problem]]:
    """Fill in the subject of rows below its own, where each subject stands in one row only.

    A column in which any subject stands twice in a row is written in full; its gaps stay.
    """
    told = [row.cells.get("subject", "") for row in rows]
    lacking = [row.number for row, text in zip(rows, told, strict=True) if not text]
    if not lacking or not any(told):
        return rows, []
    if not told[0] or any(one == other for one, other in pairwise(filter(None, told))):
        whole = [row for row in rows if row.number not in lacking]
        text = "has no subject, which stands in the rows around it; left out"
        return whole, [error(f"{path.name} row {number}", text) for number in lacking]
    made, above = [], ""
    for row, text in zip(rows, told, strict=True):
        above = text or above
        made.append(replace(row, cells={**row.cells, "subject": above}))
    text = f"{len(lacking)} rows without a subject were taken as of the one above"
    return made, [note(path.name, text)]


def plain(text: str) -> str:
    """Text for comparison: lower case, letters and digits only."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def padded(text: str, width: int, prefix: str = "") -> str:
    """Restore zeros and prefix of an id that the sheet dropped: "6" or "Sub6" is "sub06"."""
    if prefix and text[: len(prefix)].lower() == prefix.lower():
        text = text[len(prefix) :]
    return prefix + (text.zfill(width) if text.isdigit() else text)


def _places(line: Sequence[str], wanted: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Which of the wanted columns stand where in this line."""
    known = {plain(alias): name for name, aliases in wanted.items() for alias in aliases}
    places: dict[str, int] = {}
    for at, cell in enumerate(line):
        name = known.get(plain(cell))
        if cell and name is not None and name not in places:
            places[name] = at
    return places


def _rows(
    lines: Sequence[Line],
    header: Sequence[str],
    places: Mapping[str, int],
    blank: Mapping[str, str],
) -> list[SheetRow]:
    columns = tuple(cell for cell in header if cell)
    rows = []
    for number, line in lines:
        cells = {name: line[at] for name, at in places.items() if at < len(line)}
        if any(cells.values()):
            rows.append(SheetRow(number=number, cells={**blank, **cells}, columns=columns))
    return rows
