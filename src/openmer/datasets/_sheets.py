"""Sheets as rows of text: the header is found by what it says, not by where it stands."""

from __future__ import annotations

import unicodedata
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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


def read_cells(path: Path, sheet: str | None = None) -> list[list[str]]:
    """All cells of a sheet as text, a whole number without decimals; an empty cell is "".

    Args:
        path: An .xlsx file.
        sheet: Name of the sheet; None is the first.

    Raises:
        DataError: The file is no .xlsx workbook, or has no such sheet.
    """
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # styles and validation we do not need
            book = openpyxl.load_workbook(path, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as problem:
        raise DataError(
            f"{path} cannot be read as an .xlsx workbook ({problem}). Unpack the authors' file "
            "again, or save an .xls file as .xlsx."
        ) from problem
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise DataError(
                f"{path} has no sheet {sheet!r}; it has {', '.join(book.sheetnames)}. Use the "
                "authors' file."
            )
        table = book[sheet or book.sheetnames[0]]
        return [[_text(cell) for cell in row] for row in table.iter_rows(values_only=True)]
    finally:
        book.close()


def read_rows(
    path: Path,
    wanted: Mapping[str, Sequence[str]],
    *,
    sheet: str | None = None,
    optional: Sequence[str] = (),
) -> list[SheetRow]:
    """The rows under the header, which is the first row that has every column wanted.

    Rows that are empty in every wanted column are skipped.

    Args:
        path: An .xlsx file.
        wanted: Our name of a column to the names it has in the sheet; case, spaces and punctuation
            do not count.
        sheet: Name of the sheet; None is the first.
        optional: Names in `wanted` that may be absent.

    Raises:
        DataError: No row is such a header; says which column is missing from the best one.
    """
    lines = read_cells(path, sheet)
    required = [name for name in wanted if name not in optional]
    best: tuple[int, list[str]] = (-1, required)
    for at, line in enumerate(lines):
        places = _places(line, wanted)
        missing = [name for name in required if name not in places]
        if not missing:
            return _rows(lines, at, places, dict.fromkeys(wanted, ""))
        if len(missing) < len(best[1]):
            best = (at, missing)
    raise DataError(
        f"{path} has no header row with {', '.join(wanted[name][0] for name in required)}; "
        f"nearest is row {best[0] + 1}, without {', '.join(wanted[n][0] for n in best[1])}. Use "
        "the authors' file as it was released."
    )


def plain(text: str) -> str:
    """Text for comparison: lower case, letters and digits only."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def padded(text: str, width: int) -> str:
    """An id whose leading zeros the sheet dropped, with them: "6" is "006"."""
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
    lines: Sequence[Sequence[str]], header: int, places: Mapping[str, int], blank: Mapping[str, str]
) -> list[SheetRow]:
    columns = tuple(cell for cell in lines[header] if cell)
    rows = []
    for number, line in enumerate(lines[header + 1 :], start=header + 2):
        cells = {name: line[at] for name, at in places.items()}
        if any(cells.values()):
            rows.append(SheetRow(number=number, cells={**blank, **cells}, columns=columns))
    return rows


def _text(value: object) -> str:
    """A cell as text: None is "", 46.0 is "46"."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
