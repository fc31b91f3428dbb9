"""Read the cells of .xlsx workbooks within bounds, whatever else is in the file.

Styles, charts and links are not looked at: a sheet whose colours are broken still has its words.
Bounds: 40 MB of XML after unpacking, at most 200,000 rows with a value and 5,000,000 cells in them.
Cells that are merged all have the value of the first one.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from openpyxl.reader.excel import ExcelReader
from openpyxl.utils import range_boundaries
from openpyxl.worksheet._reader import WorkSheetParser
from openpyxl.worksheet.merge import MergeCell

from openmer.errors import DataError, reading_file

Line = tuple[int, list[str]]
"""Number of a row, counted from 1, and its cells as text up to the last one that is filled."""


class Cells(NamedTuple):
    """The rows of a sheet that hold a value, and how many ranges of its cells are merged.

    A record, because rows are read in one place, and merged cells are told of in another.
    """

    lines: list[Line]
    merged: int


MOST_BYTES = 40_000_000
MOST_ROWS = 200_000
MOST_MERGED = 20_000  # ranges
MOST_PLACES = 5_000_000  # of cells, from the first one to the last that is filled
_STYLES = "xl/styles.xml"
_NO_STYLES = b'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'


class _Reader(ExcelReader):
    """Read sheets of cells and leave out sheets that are charts."""

    def read_chartsheet(self, *_: object) -> None:
        """Leave a chart out."""


def read_workbook(path: Path) -> dict[str, Cells]:
    """Read every sheet of a workbook that holds a value; charts and empty sheets are left out.

    Args:
        path: An .xlsx file.

    Returns:
        The cells of each sheet, in the order of the workbook. A whole number is written without
        decimals, an empty cell is "".

    Raises:
        DataError: The file is missing, is no .xlsx workbook, is damaged, or is beyond the bounds.
    """
    remedy = "Unpack the authors' file again, or save it again as .xlsx."
    with reading_file(path, "an .xlsx workbook", remedy):
        return _sheets(path, _without_styles(path, path.read_bytes()))


def _without_styles(path: Path, content: bytes) -> dict[str, bytes]:
    """Unpack a workbook, with no styles in the place of its own.

    Raises:
        DataError: It unpacks to more than the bound.
    """
    parts: dict[str, bytes] = {}
    left = MOST_BYTES
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            if entry.filename.startswith("xl/media/"):
                continue
            with archive.open(entry) as file:
                part = file.read(left + 1)  # the size that the entry states may be wrong
            left -= len(part)
            if left < 0:
                raise DataError(
                    f"{path} unpacks to more than {MOST_BYTES // 10**6} MB; no annotation sheet "
                    "is that large. Give the authors' file, or delete what it holds beside the "
                    "annotations."
                )
            parts[entry.filename] = part
    if _STYLES in parts:
        parts[_STYLES] = _NO_STYLES
    return parts


def _sheets(path: Path, parts: dict[str, bytes]) -> dict[str, Cells]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # validation and extensions we do not need
        reader = _Reader(packed, read_only=True, data_only=True, keep_links=False)
        reader.read()
    found = {}
    for sheet in reader.wb.worksheets:
        part = parts[vars(sheet)["_worksheet_path"].lstrip("/")]
        if part.count(b"mergeCell") > 2 * MOST_MERGED:
            raise DataError(f"{path} has more than {MOST_MERGED:,} merged cells. Unmerge them.")
        parser = WorkSheetParser(io.BytesIO(part), reader.shared_strings, data_only=True)
        rows = dict(_lines(path, parser))
        ranges = list(parser.merged_cells.mergeCell) if parser.merged_cells else []
        _spread(path, rows, ranges)
        if rows:
            found[str(sheet.title)] = Cells(sorted(rows.items()), len(ranges))
    return found


def _lines(path: Path, parser: WorkSheetParser) -> Iterator[Line]:
    """Yield the rows that hold a value."""
    count = places = 0
    for number, row in parser.parse():
        filled = {cell["column"]: _text(cell["value"]) for cell in row}
        last = max((column for column, text in filled.items() if text), default=0)
        if last:
            count += 1
            places += last
            if count > MOST_ROWS or places > MOST_PLACES:
                raise DataError(
                    f"{path} has more than {MOST_ROWS:,} filled rows or {MOST_PLACES:,} cells in "
                    "them; no annotation sheet is that large. Delete what it holds beside the "
                    "annotations."
                )
            yield number, [filled.get(column, "") for column in range(1, last + 1)]


def _spread(path: Path, rows: dict[int, list[str]], ranges: Iterable[MergeCell]) -> None:
    """Give merged cells the value of the first one of them, in the rows that hold a value."""
    widest, places = max(map(len, rows.values()), default=0), 0
    for merged in ranges:
        left, top, right, bottom = map(int, range_boundaries(merged.ref))  # type: ignore[arg-type]
        right = min(right, widest)
        above = rows.get(top, [])
        value = above[left - 1] if left <= len(above) else ""
        below = range(top, bottom + 1) if bottom - top < len(rows) else sorted(rows)
        inside = [number for number in below if value and top <= number <= bottom]
        places += len(below) + len(inside) * (right - left + 1)
        if places > MOST_PLACES:
            raise DataError(f"{path} has more than {MOST_PLACES:,} merged cells. Unmerge them.")
        for cells in (rows[number] for number in inside if number in rows):
            cells.extend([""] * (right - len(cells)))
            cells[left - 1 : right] = [value] * (right - left + 1)


def _text(value: object) -> str:
    """Write a cell as text: None is "", 46.0 is "46"."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
