"""The events of one's own long videos as a CSV table, one row per event."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

from openmer import remote
from openmer.datasets._footage_table import refuse_links, same_files, video_name
from openmer.datasets._frame_folders import list_frames
from openmer.datasets._numbers import is_empty, read_whole
from openmer.datasets._paths import near_misses
from openmer.datasets._table import MissingFile, Row, RowProblem, TableForm, fps_of, read_table
from openmer.datasets._true_events import KINDS, AnnotatedVideo, TrueEvent
from openmer.errors import DataError

VIDEO_SUFFIXES = frozenset(
    {".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"}
)
"""How the name of a video file ends, lower case."""

_EVENT = ("kind", "onset", "apex", "offset")
_FORM = TableForm(
    kind="a table of true events",
    item="event",
    columns=("video", "subject_id", "subject", *_EVENT, "class", "action_units", "fps"),
    required=("video", "kind", "onset", "offset"),
    filled=("video",),
    aliases=MappingProxyType({"emotion": "class", "label": "class"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _TruthRow:
    """One row; the event is None where the row says that the video has none."""

    video: str
    path: Path
    frame_paths: tuple[Path, ...]
    subject: str
    fps: Fraction | None
    event: TrueEvent | None

    @property
    def key(self) -> str:
        if self.event is None:
            return self.video
        event = self.event
        return (
            f"{self.video}: {event.kind} {event.onset}..{event.offset}, subject {event.subject_id}"
        )


def read_truth_csv(path: Path, notes: list[str] | None = None) -> tuple[AnnotatedVideo, ...]:
    """Read the true events of one's own videos.

    Columns, of which `video`, `kind`, `onset` and `offset` must be there:

    * `video`: a video file, or a folder of one image per frame, its path relative to the CSV.
    * `kind`: "micro" or "macro". A row whose `kind`, `onset`, `apex` and `offset` are all empty
      says that the video has no event.
    * `onset`, `apex`, `offset`: frames, counted from 0 over the whole video, both ends included;
      the apex may be empty.
    * `subject_id`: number of the face, where the video shows several; empty is 1.
    * `subject`: id of the subject, the same in all of their videos; empty makes the video a subject
      of its own.
    * `class`, `action_units`: what the movement shows.
    * `fps`: frames per second ("200", "30000/1001").

    Other columns are ignored. Video files that lie beside the table or beside a listed video and
    have no row are videos without an event, each with a subject of its own.

    Args:
        path: The CSV file, UTF-8.
        notes: Gets a text on each name of a video that was taken as another spelling.

    Returns:
        The videos in the order of their first rows, then those without a row by their names. The
        corpus is "", and `AnnotatedVideo.key` is the path as seen from the CSV.

    Raises:
        DataError: The file is missing, is no CSV, or lacks columns; rows are wrong, in which case
            the first five are listed; or rows of one video contradict each other.
    """
    path = Path(path)
    folders: dict[Path, tuple[Path, ...]] = {}
    rows = read_table(
        path, _FORM, make=lambda row: _row(row, path.parent, folders, notes), key=lambda r: r.key
    )
    refuse_links(path, [row.video for row in rows])
    by_video: dict[str, list[_TruthRow]] = {}
    for row in rows:
        by_video.setdefault(row.video, []).append(row)
    listed = [_video(path, name, members) for name, members in by_video.items()]
    return (*listed, *_unlisted(path.parent, rows))


def _row(
    row: Row, root: Path, folders: dict[Path, tuple[Path, ...]], notes: list[str] | None
) -> _TruthRow:
    video = video_name(root, row["video"], notes)
    path = root / video
    frame_paths = _frames(path, folders)
    return _TruthRow(
        video=video,
        path=path,
        frame_paths=frame_paths,
        subject=_text(row, "subject") or video,
        fps=fps_of(row),
        event=_event(row, len(frame_paths)),
    )


def _frames(path: Path, folders: dict[Path, tuple[Path, ...]]) -> tuple[Path, ...]:
    """List the images of a folder, once per folder; none for a video file."""
    if path.is_file():
        return ()
    if not path.is_dir():
        raise MissingFile(f"video {path} does not exist{near_misses(path)}")
    if path not in folders:
        try:
            folders[path] = list_frames(path)
        except DataError as problem:
            raise RowProblem(str(problem)) from problem
    if len(folders[path]) < 2:
        raise RowProblem(f"folder {path} holds {len(folders[path])} images; a movement needs two")
    return folders[path]


def _event(row: Row, frames: int) -> TrueEvent | None:
    """Build the event of a row; `frames` is how many the video has, 0 where not known."""
    if all(is_empty(row.get(column, "")) for column in _EVENT):
        return None
    said = row.get("kind", "").lower()
    kind = next((known for known in KINDS if known == said), None)
    if kind is None:
        raise RowProblem(
            f"kind {row.get('kind', '')!r} is not micro or macro; leave kind, onset, apex and "
            "offset empty where a video has no event"
        )
    onset, offset = _frame(row, "onset"), _frame(row, "offset")
    apex = _frame(row, "apex") if not is_empty(row.get("apex", "")) else None
    if not onset <= (onset if apex is None else apex) <= offset or offset == onset:
        raise RowProblem(
            f"onset {onset}, apex {row.get('apex', '')!r}, offset {offset}: the offset must come "
            "after the onset, and the apex must not lie outside of them"
        )
    if frames and offset >= frames:
        raise RowProblem(f"offset {offset} is not in 0..{frames - 1}, the frames of the video")
    return TrueEvent(
        kind=kind,
        onset=onset,
        apex=apex,
        offset=offset,
        emotion=_text(row, "class"),
        subject_id=_face(row),
        action_units=_text(row, "action_units"),
    )


def _text(row: Row, column: str) -> str:
    """Return a cell; "" also where it says so in a word, as "nan" does."""
    cell = row.get(column, "")
    return "" if is_empty(cell) else cell


def _face(row: Row) -> int:
    """Return the number of the face, 1 where none is given."""
    number = _frame(row, "subject_id") if _text(row, "subject_id") else 1
    if number == 0:
        raise RowProblem("subject_id 0: faces are numbered from 1")
    return number


def _frame(row: Row, column: str) -> int:
    number = read_whole(row.get(column, ""))
    if number is None:
        raise RowProblem(f"{column} {row.get(column, '')!r} is not a whole number")
    return number


def _video(path: Path, name: str, rows: list[_TruthRow]) -> AnnotatedVideo:
    """Build a video from its rows, which must agree."""
    events = [row.event for row in rows if row.event is not None]
    rates = sorted({row.fps for row in rows if row.fps is not None})
    if events and len(events) < len(rows):
        raise DataError(
            f"{path} says in one row that {name} has no event, and in {len(events)} that it has. "
            "Leave out the row with the empty kind."
        )
    if len(rates) > 1:
        raise DataError(
            f"{path} gives {name} {' and '.join(map(str, rates))} frames per second. Give one."
        )
    seen = {(row.event.subject_id, row.subject) for row in rows if row.event is not None}
    twice = sorted(
        subject_id for subject_id, _ in seen if sum(one == subject_id for one, _ in seen) > 1
    )
    if twice:
        who = " and ".join(
            repr(subject) for subject_id, subject in sorted(seen) if subject_id == twice[0]
        )
        raise DataError(
            f"{path} says of face {twice[0]} of {name} that it is {who}. Number the faces apart."
        )
    return AnnotatedVideo(
        subjects=tuple(dict.fromkeys(row.subject for row in rows)),
        name=name,
        fps=rates[0] if rates else None,
        frames=len(rows[0].frame_paths) or None,
        frame_paths=rows[0].frame_paths,
        path=rows[0].path,
        events=tuple(sorted(events, key=lambda event: event.onset)),
    )


def _unlisted(root: Path, rows: Iterable[_TruthRow]) -> list[AnnotatedVideo]:
    """List the video files beside the table and beside listed videos that have no row."""
    listed = list(dict.fromkeys(row.path for row in rows))
    folders = sorted({root, *(path.parent for path in listed)})
    beside = [file for folder in folders for file in videos_beside(folder)]
    others = same_files([*listed, *beside])  # a link to a listed one has its events, too
    named = {Path(os.path.relpath(file, root)).as_posix(): file for file in beside
             if file not in others and file not in listed}  # fmt: skip
    return [AnnotatedVideo(subjects=(name,), name=name, path=file) for name, file in named.items()]


def videos_beside(folder: Path) -> list[Path]:
    """List the video files of a folder by their names, without hidden ones; none of a file."""
    listed = remote.names(folder)
    if listed is None:
        listed = [file for file in folder.iterdir() if file.is_file()] if folder.is_dir() else []
    videos = [
        file
        for file in sorted(listed)
        if file.suffix.lower() in VIDEO_SUFFIXES and not file.name.startswith(".")
    ]
    for file in videos:
        if not remote.is_streamed(file):
            remote.bring(file)
    return videos
