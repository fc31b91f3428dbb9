"""Known annotation faults as data: `corrections/<corpus>.csv`, guarded by what they replace.

Columns: `clip` ("subject/name", or "row 35" where a source names rows of the sheet), `field`
(onset, apex, offset or emotion), `was`, `now`, `reason`.
A field that says `now` is left alone; one that says neither `was` nor `now` is an error, because
the sheet is then another release than the one that was corrected. Where `was` is the word
"impossible", the wrong value is not known: only a value that no clip can have (no number, an apex
outside its interval, an onset not before the offset) is replaced, and any other is left alone.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from openmer.datasets._annotations import Annotation, frame_number
from openmer.errors import DataError

_FOLDER = Path(__file__).with_name("corrections")
_FIELDS = ("onset", "apex", "offset", "emotion")
_COLUMNS = ("clip", "field", "was", "now", "reason")


def read_corrections(corpus: str, folder: Path = _FOLDER) -> list[dict[str, str]]:
    """Read the corrections of a corpus; none where it has no file.

    Raises:
        DataError: The file is not of the form above.
    """
    path = folder / f"{corpus}.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    if tuple(reader.fieldnames or ()) != _COLUMNS:
        raise DataError(f"{path} has the columns {reader.fieldnames}, expected {_COLUMNS}.")
    for row in rows:
        if row["field"] not in _FIELDS or not row["reason"]:
            raise DataError(
                f"{path} corrects {row['clip']} with field {row['field']!r} and reason "
                f"{row['reason']!r}; expected one of {', '.join(_FIELDS)}, and a reason."
            )
    return rows


def corrected(
    annotations: Iterable[Annotation], corrections: Sequence[Mapping[str, str]]
) -> list[Annotation]:
    """Annotations with the known faults corrected, in their order.

    Raises:
        DataError: A field says neither what is corrected nor what it is corrected to.
    """
    fixes: dict[str, list[Mapping[str, str]]] = {}
    for fix in corrections:
        fixes.setdefault(fix["clip"], []).append(fix)
    result = []
    for annotation in annotations:
        names = (f"{annotation.subject}/{annotation.name}", f"row {annotation.row}")
        for fix in (fix for name in names for fix in fixes.get(name, ())):
            annotation = _fixed(annotation, fix)  # noqa: PLW2901 - one correction after the other
        result.append(annotation)
    return result


def _fixed(annotation: Annotation, fix: Mapping[str, str]) -> Annotation:
    field, was, now = fix["field"], fix["was"], fix["now"]
    found = getattr(annotation, field)
    changes: dict[str, Any] = {field: now}
    if found == now:
        return annotation
    if was == "impossible":
        return replace(annotation, **changes) if _impossible(annotation, field) else annotation
    if found != was:
        raise DataError(
            f"The correction of {annotation.key} expects {field} {was!r}, the sheet says {found!r}."
            f" It may be a newer release: check the reason ({fix['reason']}) and update "
            "datasets/corrections."
        )
    return replace(annotation, **changes)


def _impossible(annotation: Annotation, field: str) -> bool:
    """Whether no clip can have this value."""
    onset, offset = frame_number(annotation.onset), frame_number(annotation.offset)
    value = frame_number(getattr(annotation, field))
    if value is None or onset is None or offset is None:
        return True
    if field == "onset":
        return value >= offset > 0
    if field == "apex":
        return not onset < value <= offset
    return field == "offset" and (value <= onset or value < (frame_number(annotation.apex) or 0))
