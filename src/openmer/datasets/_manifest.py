"""A manifest: one's own clips as a CSV table, one row per clip, no code needed.

Columns: `corpus` (or `dataset`), `subject`, `clip`, `label`, and at least one of

* `frames`: a folder of images, one per frame, ordered by the number that ends each file name
  (img9 before img10); with `onset`, `apex`, `offset`, which count those images from 0, both ends
  included, and `fps` ("200", "29.97", "30000/1001"). An empty onset or offset is the first or last
  image, an empty apex or fps is not known. An image, or a folder of one, is an apex alone: it
  serves the methods that read no other frame.
* `flow_path`: a ready 8-bit onset-to-apex flow image (see `Clip.flow_path`).

`same_subject_as` ("samm/006") says that a subject has another id in another row; the row's own id
there says that it was checked, and is nobody else's. `action_units` is the annotators' text, such
as "4+L10".

`faces` is "cropped" where the frames are the face and little else: they are then used as they are,
and no face is looked for. "find" or nothing looks for one.

Paths are relative to the folder of the CSV; backslashes, and names of another case or Unicode form
are taken where exactly one file fits. Cells may be as pandas and R write them ("9.0", "nan", "NA").
A corpus or subject may stand in the first of its rows alone, as a spreadsheet writes merged cells.
Other columns are ignored.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from openmer.clip import Clip
from openmer.datasets._frame_folders import IMAGE_SUFFIXES, gaps, list_frames
from openmer.datasets._numbers import is_empty, read_whole
from openmer.datasets._paths import find_path, near_misses
from openmer.datasets._subject_ids import join_stated
from openmer.datasets._table import (
    MissingFile,
    Row,
    RowProblem,
    TableForm,
    fps_of,
    read_table,
    shortened,
    table_cells,
)
from openmer.errors import DataError
from openmer.files import readable, replace_file, require_same

COLUMNS = (
    "corpus",
    "subject",
    "clip",
    "label",
    "frames",
    "onset",
    "apex",
    "offset",
    "fps",
    "flow_path",
    "same_subject_as",
    "faces",
    "action_units",
)

_SELDOM = ("same_subject_as", "faces", "action_units")  # written where a row has something to say
_REQUIRED = ("corpus", "subject", "clip", "label")
_FORM = TableForm(
    kind="a manifest",
    item="clip",
    columns=COLUMNS,
    required=_REQUIRED,
    filled=_REQUIRED,
    either=("frames", "flow_path"),
    once=("corpus", "subject"),
    aliases=MappingProxyType(
        {"dataset": "corpus", "au": "action_units", "aus": "action_units"}
    ),  # dataset: as in the released MEGC 2019 flow data
    repeated="rename one",
)
_FACES = MappingProxyType({"": False, "find": False, "cropped": True})


def read_manifest(path: Path) -> tuple[Clip, ...]:
    """Read the clips of a CSV manifest, in the order of its rows.

    Every cell is read as text, so the subject "006" keeps its zeros. The corpus is lower-cased.

    Args:
        path: The CSV file, UTF-8, columns as in the text at the top of this module.

    Raises:
        DataError: The file is missing, is no CSV, or lacks columns; or rows are wrong, in which
            case the first five problems are listed with their row numbers (the header is row 1).
    """
    return read_with_notes(path)[0]


def read_with_notes(path: Path) -> tuple[tuple[Clip, ...], tuple[str, ...]]:
    """As `read_manifest`; also say what was read otherwise than it is written, one text each.

    Raises:
        DataError: As `read_manifest`.
    """
    path, notes = Path(path), list[str]()
    paths = _Paths(path.parent)
    clips = read_table(
        path,
        _FORM,
        make=lambda row: _clip(_without_na(row, path.parent), paths),
        key=lambda clip: clip.key,
        notes=notes,
    )
    clips = join_stated(clips)
    notes += gaps(paths.folders)
    if paths.others:
        written, found = next(iter(paths.others.items()))
        notes.append(
            f"{len(paths.others)} paths are spelt otherwise on disk, such as "
            f"{_relative(found, paths.root)}, written as {shortened(written)}"
        )
    return clips, tuple(notes)


def write_manifest(path: Path, clips: Iterable[Clip]) -> None:
    """Write clips as a manifest that `read_manifest` reads back; all of it or nothing.

    Args:
        path: The CSV file to write or replace; its folder is made.
        clips: Clips with frames, each in a folder of its own or of one recording, or with a ready
            flow image, or both.

    Raises:
        DataError: A clip cannot be said in a manifest (it has neither frames nor a flow image, or
            several frames that are not exactly the images of one folder), or the folder cannot be
            written to.
    """
    rows = [_row(clip, Path(path).parent) for clip in clips]
    columns = _columns(rows)
    replace_file(Path(path), _content([columns, *([row[c] for c in columns] for row in rows)]))


def _columns(rows: Sequence[Row]) -> list[str]:
    return [name for name in COLUMNS if name not in _SELDOM or any(row[name] for row in rows)]


def _content(lines: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(lines)
    return encoded(text.getvalue())


def encoded(table: str) -> bytes:
    """Return a table of clips as UTF-8.

    Raises:
        DataError: A path in it is no text.
    """
    try:
        return table.encode()
    except UnicodeEncodeError as error:
        name = readable(error.object[max(0, error.start - 40) : error.end + 20])
        raise DataError(
            f"A path of a clip is no UTF-8 text, near {name!r}, so a table cannot name it. Rename "
            "the file or folder."
        ) from error


def repair_manifest(path: Path, out: Path) -> tuple[str, ...]:
    """Write a manifest again as it is understood, and list every cell that is written otherwise.

    Columns that are not of a manifest stay as they are, behind those that are.

    Args:
        path: The manifest, as `read_manifest` takes it.
        out: The CSV file to write; one with other content is never replaced.

    Returns:
        A text for each change, in the order of the rows.

    Raises:
        DataError: As `read_manifest` and `write_manifest`; then nothing is written.
    """
    clips = read_manifest(path)
    written, header, lines = table_cells(path, _FORM)
    own = {name: at for at, name in enumerate(header) if name in COLUMNS}
    others = [at for at, name in enumerate(header) if name not in COLUMNS]
    titles = [
        written[at] if written[at].strip().lower() == header[at] else header[at] for at in others
    ]
    named = [(written[at], name) for name, at in own.items()]
    renamed = [*named, *((written[at], new) for at, new in zip(others, titles, strict=True))]
    changes = [f"column {old!r} is now {new!r}" for old, new in renamed if old != new]
    rows = [_row(clip, Path(out).parent) for clip in clips]
    columns = _columns(rows)
    table = [[*columns, *titles]]
    for (number, cells), row in zip(lines, rows, strict=True):
        for column, new in row.items():
            old = cells[own[column]].strip() if own.get(column, len(cells)) < len(cells) else ""
            if old != new:
                changes.append(f"row {number}: {column} {shortened(old)} is now {shortened(new)}")
        more = (cells[at] if at < len(cells) else "" for at in others)
        table.append([*(row[column] for column in columns), *more])
    content = _content(table)
    require_same(Path(out), content)
    replace_file(Path(out), content)
    return tuple(changes)


@dataclass(slots=True)
class _Paths:
    """What the paths of a manifest mean.

    Attributes:
        root: Folder of the manifest.
        folders: The images of each folder that was listed.
        others: Paths as the manifest has them to paths that are spelt otherwise.
    """

    root: Path
    folders: dict[Path, tuple[Path, ...]] = field(default_factory=dict)
    others: dict[str, Path] = field(default_factory=dict)

    def find(self, text: str) -> Path:
        """Return the path that a cell means."""
        found = find_path(self.root, text)
        if found != self.root / text:
            self.others[text] = found
        return found


def _without_na(row: Row, root: Path) -> Row:
    """Empty cells that hold "NA", as R writes them, unless a column needs it or a file has it."""
    return {
        name: "" if cell == "NA" and name not in _REQUIRED and not (root / cell).exists() else cell
        for name, cell in row.items()
    }


def _clip(row: Row, paths: _Paths) -> Clip:
    """One row as a clip."""
    frames = _frames(row, paths)
    flow = row.get("flow_path", "")
    if not frames and not flow:
        raise RowProblem("neither frames nor flow_path is given; one of them is needed")
    flow_path = paths.find(flow) if flow else None
    if flow_path is not None and not flow_path.is_file():
        raise MissingFile(f"there is no flow image {flow_path}{near_misses(flow_path)}")
    onset, apex, offset = _interval(row, len(frames))
    return Clip(
        corpus=row["corpus"].lower(),
        subject=row["subject"],
        name=row["clip"],
        emotion=row["label"],
        onset=onset,
        apex=apex,
        offset=offset,
        fps=fps_of(row),
        frame_paths=frames,
        flow_path=flow_path,
        action_units=row.get("action_units", ""),
        same_as=_same_as(row),
        cropped=_is_cropped(row),
    )


def _frames(row: Row, paths: _Paths) -> tuple[Path, ...]:
    """List the images of the row's folder, once per folder; of an image, itself; or none."""
    if not row.get("frames"):
        return ()
    folder, folders = paths.find(row["frames"]), paths.folders
    if folder.is_file() and folder.suffix.lower() in IMAGE_SUFFIXES:
        return (folder,)
    if folder not in folders:
        if not folder.is_dir():
            raise MissingFile(f"there is no frames folder {folder}{near_misses(folder)}")
        try:
            folders[folder] = list_frames(folder)
        except DataError as error:
            raise RowProblem(str(error)) from error
    if not folders[folder]:
        raise RowProblem(
            f"frames folder {folder} holds 0 images; an apex alone needs one, a movement two"
        )
    return folders[folder]


def _same_as(row: Row) -> str:
    """Read another id of the subject."""
    corpus, slash, subject = row.get("same_subject_as", "").partition("/")
    if (corpus or slash) and (not corpus or not subject or "/" in subject):
        raise RowProblem(
            f"same_subject_as {shortened(row['same_subject_as'])} is no id of a subject; write "
            f"corpus/subject, such as {row['corpus'].lower()}/{row['subject']}"
        )
    return f"{corpus.lower()}{slash}{subject}"


def _is_cropped(row: Row) -> bool:
    """Read whether the frames of a row are faces already."""
    answer = row.get("faces", "").lower()
    if answer not in _FACES:
        raise RowProblem(
            f"faces {shortened(row['faces'])} is not known; write cropped where the images are the "
            "face and little else, find or nothing where a face is to be found"
        )
    return _FACES[answer]


def _interval(row: Row, count: int) -> tuple[int | None, int | None, int | None]:
    """Onset, apex and offset of a row whose clip has `count` images, checked against them."""
    onset, apex, offset = (_whole(row, column) for column in ("onset", "apex", "offset"))
    if count == 1 and {onset, apex, offset} <= {None, 0}:
        return None, 0, None
    if count:
        onset = 0 if onset is None else onset
        offset = count - 1 if offset is None else offset
    known = [value for value in (onset, apex, offset) if value is not None]
    said = ", ".join(f"{c} {row[c]!r}" for c in ("onset", "apex", "offset") if row.get(c))
    if count and any(not 0 <= value < count for value in known):
        raise RowProblem(
            f"{said}: outside 0..{count - 1}, the {count} images of {row['frames']!r}; count the "
            "images from 0, do not use the numbers in their names"
        )
    if count == 1:
        raise RowProblem(f"{said}: one image is an apex alone; leave the three empty, or write 0")
    if onset is not None and any(value <= onset for value in (apex, offset) if value is not None):
        raise RowProblem(f"{said}: apex and offset must come after the onset ({onset})")
    if apex is not None and offset is not None and apex > offset:
        raise RowProblem(f"{said}: the apex must not come after the offset ({offset})")
    return onset, apex, offset


def _whole(row: Row, column: str) -> int | None:
    """Read a whole number; None where the cell is empty."""
    value = row.get(column, "")
    number = read_whole(value)
    if number is None and not is_empty(value):
        raise RowProblem(f"{column} {shortened(value)} is not a whole number counted from 0")
    return number


def _row(clip: Clip, root: Path) -> dict[str, str]:
    """Write a clip as the cells of a row."""
    if not clip.frame_paths and clip.flow_path is None:
        raise DataError(
            f"{clip.key} has neither frames nor a flow image, so it cannot be read back. Leave "
            "the clip out."
        )
    folder = _relative(clip.frame_paths[0], root) if clip.apex_only else ""
    if len(clip.frame_paths) > 1:
        first = clip.frame_paths[0].parent
        if list_frames(first) != clip.frame_paths:
            raise DataError(
                f"{clip.key}: its {len(clip.frame_paths)} frames are not exactly the numbered "
                f"images of {first}. Put the frames of the clip into a folder of their own."
            )
        folder = _relative(first, root)
    cells = {
        "corpus": clip.corpus,
        "subject": clip.subject,
        "clip": clip.name,
        "label": clip.emotion,
        "frames": folder,
        "onset": clip.onset,
        "apex": clip.apex,
        "offset": clip.offset,
        "fps": clip.fps,
        "flow_path": "" if clip.flow_path is None else _relative(clip.flow_path, root),
        "same_subject_as": clip.same_as,
        "faces": "cropped" if clip.cropped else "",
        "action_units": clip.action_units,
    }
    return {column: "" if value is None else str(value) for column, value in cells.items()}


def _relative(path: Path, root: Path) -> str:
    """Return a path as seen from the CSV's folder, with forward slashes; absolute across drives."""
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:  # another Windows drive
        return path.resolve().as_posix()
