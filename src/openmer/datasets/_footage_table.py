"""What is known of footage: one table with the movements in it and the spans that hold none."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from openmer.datasets._numbers import is_empty, read_whole
from openmer.datasets._paths import find_path, near_misses, visible
from openmer.datasets._table import MissingFile, Row, RowProblem, TableForm, raw_rows, read_table
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
        origin: A digest of what `inject_movements` made the video of; "" in rows of others.
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
    origin: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether the row is of the whole video, not of a span."""
        return self.onset < 0


_COLUMNS = tuple(field.name for field in fields(Movement))
_FORM = TableForm(
    kind="a table of footage",
    item="movement",
    columns=_COLUMNS,
    required=("video", "kind", "onset", "offset"),
    filled=("video",),
)
_ALL = "all"  # what the sum over all kinds of footage is called
_SIZE = re.compile(r"\d{1,4}(?:\.\d{0,9})?", flags=re.ASCII)


def read_footage(
    folder: Path, notes: list[str] | None = None, *, is_there: bool = True
) -> tuple[Movement, ...]:
    """Read the table of a folder of footage.

    Args:
        folder: With ``truth.csv``: the columns `video`, `kind`, `onset` and `offset`, and the other
            ones of `Movement` where they are known. Further columns are left alone.
        notes: Gets a text on each name of a video that was taken as another spelling.
        is_there: Whether the videos must be there.

    Raises:
        DataError: The table is missing or wrong, in which case the first five wrong rows are
            listed; rows of one video contradict each other; or a video is not there.
    """
    path = folder / TRUTH
    if not path.exists():
        raise DataError(
            f"There is no {path}. `openmer datasets inject` writes one; or list your own videos "
            f"there with the columns {', '.join(_COLUMNS)}."
        )
    spelt: dict[str, str] = {}

    def make(row: Row) -> Movement:
        name = spelt.setdefault(row["video"], video_name(folder, row["video"], notes))
        if is_there and not (folder / name).is_file():
            raise MissingFile(f"video {folder / name}{near_misses(folder / name)}")
        return _movement(row, name)

    rows = read_table(path, _FORM, make, key=_key)
    for name in refuse_links(path, [row.video for row in rows]):
        _check_video(path, name, [row for row in rows if row.video == name])
    return rows


def video_name(root: Path, text: str, notes: list[str] | None = None) -> str:
    """Return the one spelling of a video's path, relative to a table's folder where the text is.

    Args:
        root: Folder of the table.
        text: As the table has it; backslashes, case and Unicode form as in `find_path`.
        notes: Gets a text where another spelling was taken.
    """
    found, plain = find_path(root, text), os.path.normpath(text)
    if os.path.lexists(root / text) or not os.path.lexists(found):
        return Path(plain).as_posix()
    name = Path(found if found.is_absolute() and not root.is_absolute() else
                os.path.relpath(found, root)).as_posix()  # fmt: skip
    if notes is not None:
        notes.append(f"{text!r} was taken as {name!r}")
    return name


def refuse_links(path: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Refuse a table that has one video under two names, as a link or another spelling gives it.

    Args:
        path: The table.
        names: As `video_name` gives them.

    Returns:
        The names, each once.

    Raises:
        DataError: Two names are of one file or folder.
    """
    unique = tuple(dict.fromkeys(names))
    for one, same in same_files([path.parent / name for name in unique]).items():
        raise DataError(
            f"{path} has one video under two names: {same} and {one} are the same file. Give it "
            "one name, so that nothing is counted twice."
        )
    return unique


def same_files(paths: Sequence[Path]) -> dict[Path, Path]:
    """Map paths to an earlier one of the same file or folder, by a link or another spelling."""
    first: dict[tuple[int, int], Path] = {}
    found: dict[Path, Path] = {}
    for path in dict.fromkeys(paths):
        try:
            there = path.stat()
        except (OSError, ValueError):  # no file, or a name that no system takes
            continue
        earlier = first.setdefault((there.st_dev, there.st_ino), path)
        found |= {path: earlier} if earlier != path else {}
    return found


def write_footage(folder: Path, movements: Sequence[Movement], plain: Sequence[Movement]) -> Path:
    """Add rows to the table of a folder; what is there stays, and so do columns of the user.

    Args:
        folder: Of the videos.
        movements: True ones.
        plain: Rows of videos that hold none.

    Raises:
        DataError: The table that is there is wrong, or cannot be written.
    """
    path = folder / TRUTH
    there = {row.video for row in read_footage(folder, is_there=False)} if path.exists() else set()
    before = [row for _, row in raw_rows(path, _FORM)] if path.exists() else []
    columns = [name for name in dict.fromkeys(name for row in before for name in row) if name]
    sheet = io.StringIO()
    writer = csv.DictWriter(
        sheet, list(dict.fromkeys([*columns, *_COLUMNS])), lineterminator="\n", restval="",
        extrasaction="ignore",
    )  # fmt: skip
    writer.writeheader()
    writer.writerows(before)
    writer.writerows(asdict(one) for one in (*movements, *plain) if one.video not in there)
    replace_file(path, sheet.getvalue())
    return path


def _key(row: Movement) -> str:
    return f"{row.video}: {row.kind} {row.onset}..{row.offset}"


def _movement(row: Row, name: str) -> Movement:
    """Build a movement from the cells of a row."""
    kind = row["kind"].lower()
    if kind not in ("micro", "macro", NONE):
        raise RowProblem(f"kind {row['kind']!r} is not micro, macro or none")
    onset, apex, offset = (_frame(row, column) for column in ("onset", "apex", "offset"))
    is_whole = kind == NONE and (onset, offset) == (-1, -1)
    if not is_whole and not 0 <= onset <= (onset if apex < 0 else apex) <= offset:
        raise RowProblem(
            f"onset {row['onset']!r}, apex {row.get('apex', '')!r}, offset {row['offset']!r}: "
            "expected 0 <= onset <= apex <= offset; the apex may be empty"
        )
    size = row.get("size_px", "")
    if not (is_empty(size) or _SIZE.fullmatch(size)):
        raise RowProblem(f"size_px {size[:60]!r} is no number of pixels from 0 to 9999")
    texts = {n: _text(row, n) for n in ("footage", "region", "side", "class_name", "origin")}
    if texts["footage"].lower() == _ALL:
        raise RowProblem(f"footage {_ALL!r} is what all of them are called; choose another word")
    return Movement(
        video=name, kind=kind, onset=onset, apex=apex, offset=offset,
        size_px=0.0 if is_empty(size) else float(size), **texts,
    )  # fmt: skip


def _text(row: Row, column: str) -> str:
    cell = row.get(column, "")
    return "" if is_empty(cell) else visible(cell)


def _frame(row: Row, column: str) -> int:
    """Read a frame; -1 where none is given."""
    cell = row.get(column, "")
    number = -1 if is_empty(cell) or re.fullmatch(r"-1(\.0*)?", cell) else read_whole(cell)
    if number is None:
        raise RowProblem(f"{column} {cell[:60]!r} is not a whole number")
    return number


def _check_video(path: Path, name: str, rows: Sequence[Movement]) -> None:
    """Refuse rows of one video that contradict each other."""
    words = sorted({row.footage for row in rows})
    if len(words) > 1:
        raise DataError(
            f"{path} gives {name} the kinds of footage {' and '.join(map(repr, words))}. Give one."
        )
    for calm in (row for row in rows if row.kind == NONE):
        for row in rows:
            if row.kind == "micro" and _do_meet(calm, row):
                span = "in the whole of it" if calm.is_whole else f"in {calm.onset}..{calm.offset}"
                raise DataError(
                    f"{path} says of {name} that there is none {span}, and a movement from "
                    f"{row.onset} to {row.offset}. Correct one of them."
                )


def _do_meet(calm: Movement, row: Movement) -> bool:
    return calm.is_whole or (calm.onset <= row.offset and row.onset <= calm.offset)
