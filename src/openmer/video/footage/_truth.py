"""What is known of footage: one table with the movements in it and the spans that hold none."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from openmer._csv_rows import csv_records, csv_text
from openmer.errors import DataError
from openmer.files import replace_file

TRUTH = "truth.csv"
NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One row of the table; frames are counted from 0, both ends included.

    Attributes:
        video: File beside the table.
        footage: A word for the kind of the video, by which results are grouped.
        kind: "micro" or "macro"; "none" marks a span in which there is none, from `onset` to
            `offset`, the whole video where these are -1.
        onset: First frame.
        apex: Frame of the largest movement; -1 where it is not known.
        offset: Last frame.
        region: Which part of the face moves.
        side: "right", "left" or "both".
        size_px: Largest displacement for a face 200 px wide; 0 where it is not known.
        class_name: What it shows; "" where it is not known.
    """

    video: str
    footage: str = ""
    kind: str = "micro"
    onset: int = -1
    apex: int = -1
    offset: int = -1
    region: str = ""
    side: str = ""
    size_px: float = 0.0
    class_name: str = ""


_COLUMNS = tuple(field.name for field in fields(Movement))
_REQUIRED = ("video", "kind", "onset", "offset")


def read_footage(folder: Path) -> tuple[Movement, ...]:
    """Read the table of a folder of footage."""
    path = folder / TRUTH
    todo = (
        "`openmer datasets inject` writes one; or list your own videos with the columns "
        f"{', '.join(_COLUMNS)}."
    )
    header, rows = csv_records(path, csv_text(path, "a table of movements", todo))
    missing = [name for name in _REQUIRED if name not in header]
    if missing:
        raise DataError(f"{path} has no column {', '.join(missing)}. Add it.")
    return tuple(_row(row, f"{path}, line {line}") for line, row in rows)


def _row(row: Mapping[str, str], place: str) -> Movement:
    cells = {name: (row.get(name) or "").strip() for name in _COLUMNS}
    if cells["kind"] not in ("micro", "macro", NONE):
        raise DataError(
            f"{place}: found the kind {cells['kind']!r}, expected micro, macro or none."
        )
    try:
        numbers = {name: int(cells[name] or -1) for name in ("onset", "apex", "offset")}
        size = float(cells["size_px"] or 0)
    except ValueError as error:
        raise DataError(f"{place}: {error}. Give whole frames and a size in pixels.") from error
    if cells["kind"] != NONE and not 0 <= numbers["onset"] <= numbers["offset"]:
        raise DataError(f"{place}: found the frames {numbers}; expected 0 <= onset <= offset.")
    texts = {name: cells[name] for name in _COLUMNS if name not in {*numbers, "size_px"}}
    fields_of = {**texts, **numbers, "size_px": size}
    return Movement(**fields_of)  # type: ignore[arg-type]


def write_footage(folder: Path, movements: Sequence[Movement], plain: Mapping[str, str]) -> Path:
    """Add rows to the table of a folder; rows of the same videos are replaced.

    Raises:
        DataError: The table that is there is wrong, or cannot be written.
    """
    path = folder / TRUTH
    before = read_footage(folder) if path.exists() else ()
    named = {one.video for one in movements} | set(plain)
    rows = [one for one in before if one.video not in named]
    rows += [*movements, *(Movement(video=v, footage=k, kind=NONE) for v, k in plain.items())]
    sheet = io.StringIO()
    writer = csv.DictWriter(sheet, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(one) for one in rows)
    replace_file(path, sheet.getvalue())
    return path
