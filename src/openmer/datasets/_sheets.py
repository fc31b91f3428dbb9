"""Sheets as rows of text: the header is found by what it says, not by where it stands."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openmer.datasets._workbook import Line, read_workbook
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


def read_cells(path: Path, sheet: str | None = None) -> list[Line]:
    """Read the rows of a sheet that hold a value, with their numbers counted from 1.

    Args:
        path: An .xlsx file.
        sheet: Name of the sheet; None is the first that holds a value.

    Raises:
        DataError: The file is no .xlsx workbook (see `read_workbook`), or has no such sheet.
    """
    sheets = read_workbook(path)
    if sheet is None and sheets:
        return next(iter(sheets.values()))
    if sheet not in sheets:
        raise DataError(
            f"{path} has no sheet {sheet or 'that holds a value'!r}; it has "
            f"{', '.join(sheets) or 'none with a value'}. Use the authors' file."
        )
    return sheets[sheet]


def read_rows(
    path: Path,
    wanted: Mapping[str, Sequence[str]],
    *,
    sheet: str | None = None,
    optional: Sequence[str] = (),
) -> list[SheetRow]:
    """Read the rows under the header, which is the first row that has every column wanted.

    Rows that are empty in every wanted column are skipped.

    Args:
        path: An .xlsx file.
        wanted: Our name of a column to the names it has in the sheet; case, spaces and punctuation
            do not count.
        sheet: Name of the sheet; None tries all, and takes the first that has such a header.
        optional: Names in `wanted` that may be absent.

    Raises:
        DataError: No row is such a header; says which column is missing from the best one.
    """
    sheets = {"": read_cells(path, sheet)} if sheet else read_workbook(path)
    required = [name for name in wanted if name not in optional]
    best: tuple[str, int, list[str]] = ("", 1, required)
    for name, lines in sheets.items():
        for at, (number, cells) in enumerate(lines):
            places = _places(cells, wanted)
            missing = [column for column in required if column not in places]
            if not missing:
                return _rows(lines[at + 1 :], cells, places, dict.fromkeys(wanted, ""))
            if len(missing) < len(best[2]):
                best = (name or sheet or "", number, missing)
    raise DataError(
        f"{path} has no header row with {', '.join(wanted[name][0] for name in required)} in any "
        f"of its sheets ({', '.join(sheets) or 'none holds a value'}); nearest is row {best[1]} of "
        f"{best[0] or 'the first'}, without {', '.join(wanted[n][0] for n in best[2])}. Use the "
        "authors' file as it was released."
    )


def plain(text: str) -> str:
    """Text for comparison: lower case, letters and digits only."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def padded(text: str, width: int) -> str:
    """Restore the leading zeros of an id that the sheet dropped: "6" is "006"."""
    return text.zfill(width) if text.isdigit() else text


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
