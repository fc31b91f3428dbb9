"""A table of folds of a user's own: which clips or subjects are tested together.

Columns: `fold`, and `subject` ("samm/006") or `clip` ("samm/006/006_1_2"). An empty fold says that
the clips train and are never tested.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from openmer.clip import Clip
from openmer.datasets._table import Row, RowProblem, TableForm, read_table
from openmer.errors import DataError, ProtocolError

_SHOWN = 3
_FORM = TableForm(
    kind="a table of folds",
    item="row",
    columns=("fold", "subject_id", "clip"),
    required=("fold",),
    filled=(),
    either=("subject_id", "clip"),
    aliases={"subject": "subject_id"},
    repeated="keep one of them",
)


def read_folds(path: Path, clips: Sequence[Clip]) -> list[str]:
    """Read the fold of each clip.

    Args:
        path: The CSV file, UTF-8, columns as in the text at the top of this module.
        clips: The clips, each of which must be in the table by its key or its subject.

    Returns:
        The name of the fold that tests each clip; "" where none does.

    Raises:
        DataError: The file is missing or wrong, or lacks clips.
        ProtocolError: A subject is in two folds, or nothing is tested.
    """
    known = dict(read_table(path, _FORM, make=_named, key=lambda row: row[0]))
    folds = [known.get(clip.key, known.get(clip.subject_id)) for clip in clips]
    lost = [clip.key for clip, fold in zip(clips, folds, strict=True) if fold is None]
    if lost:
        raise DataError(
            f"{path} says nothing of {len(lost)} of {len(clips)} clips, such as "
            f"{', '.join(lost[:_SHOWN])}. Add a row with the clip's key or the id of its subject, "
            f"{clips[0].subject_id!r} for one; an empty fold trains and is never tested."
        )
    found = [fold or "" for fold in folds]
    own: dict[str, set[str]] = defaultdict(set)
    for clip, fold in zip(clips, found, strict=True):
        own[clip.subject_id].add(fold)
    twice = {subject: sorted(names) for subject, names in own.items() if len(names) > 1}
    if twice:
        subject, names = next(iter(twice.items()))
        raise ProtocolError(
            f"{path} has {len(twice)} subjects in several folds, {subject} in "
            f"{', '.join(map(repr, names))}. That is a leak: give all clips of a subject one fold."
        )
    if not any(found):
        raise ProtocolError(f"{path} tests none of the {len(clips)} clips: every fold is empty.")
    return found


def _named(row: Row) -> tuple[str, str]:
    """Return the clip or subject of a row, and its fold."""
    name = row.get("clip") or row.get("subject_id", "")
    slashes = 2 if row.get("clip") else 1
    if name.count("/") != slashes:
        form = "corpus/subject/name" if slashes == 2 else "corpus/subject"
        raise RowProblem(f"found {name!r}, expected {form}")
    return name, row.get("fold", "")
