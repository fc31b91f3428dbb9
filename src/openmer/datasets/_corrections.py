"""Known annotation faults as data: `corrections/<corpus>.csv`, guarded by what they replace.

Columns: `clip` ("subject/name", or "row 35" where a source names rows of the sheet), `field`
(onset, apex, offset, emotion or action_units), `was`, `now`, `reason`.
A field that says `now` is left alone; one that says neither `was` nor `now` is an error, because
the sheet is then another release than the one that was corrected. Where `was` is the word
"impossible", the wrong value is not known: only a value that no clip can have (no number, an apex
outside its interval, an onset not before the offset) is replaced, and any other is left alone. All
such corrections of a clip are made or none: where one of its values is possible, or where the
corrected ones do not fit those that stay, the row is another clip's than the one they were written
for. Where `was` is the word "exchanged", `now` names the row of the sheet that has the value; a
sheet without that row is left alone.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from openmer.datasets._annotations import Annotation, frame_number, read_annotations
from openmer.datasets._reading import Problem, Reading
from openmer.datasets._sheets import Sheet, SheetRow
from openmer.errors import DataError

_FOLDER = Path(__file__).with_name("corrections")
_FIELDS = ("onset", "apex", "offset", "emotion", "action_units")
_COLUMNS = ("clip", "field", "was", "now", "reason")


def read_rows(corpus: str, sheet: Sheet, make: Callable[[SheetRow], Annotation]) -> Reading:
    """Read the clips that the rows of a sheet name, with the known faults corrected."""
    annotations = [make(row) for row in sheet.rows if row["clip"]]
    return corrected_reading(corpus, annotations, sheet.notes)


def corrected_reading(
    corpus: str, annotations: Iterable[Annotation], before: Sequence[Problem] = ()
) -> Reading:
    """Read clips as `read_annotations` does, with the known faults of their corpus corrected."""
    return read_annotations(corrected(annotations, read_corrections(corpus)), before)


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
    result, annotations = [], list(annotations)
    rows = {f"row {one.row}": one for one in annotations}
    for annotation in annotations:
        names = (f"{annotation.subject}/{annotation.name}", f"row {annotation.row}")
        result.append(
            _fixed(annotation, [fix for name in names for fix in fixes.get(name, ())], rows)
        )
    return result


def _fixed(
    annotation: Annotation, fixes: Sequence[Mapping[str, str]], rows: Mapping[str, Annotation]
) -> Annotation:
    """Correct one clip; values that no clip can have all of them, or none."""
    changes, doubtful = dict[str, Any](), dict[str, Any]()
    for fix in fixes:
        field, was, now = fix["field"], fix["was"], fix["now"]
        found = getattr(annotation, field)
        if was == "impossible":
            doubtful |= {} if found == now else {field: now}
        elif was == "exchanged":
            changes[field] = getattr(rows.get(now, annotation), field)
        elif found not in (was, now):
            raise DataError(
                f"The correction of {annotation.key} expects {field} {was!r}, the sheet says "
                f"{found!r}. It may be a newer release: check the reason ({fix['reason']}) and "
                "update datasets/corrections."
            )
        else:
            changes[field] = now
    fixed = replace(annotation, **changes)
    better = replace(fixed, **doubtful)
    is_meant = all(_impossible(fixed, field) for field in doubtful)
    return better if is_meant and not any(_impossible(better, one) for one in doubtful) else fixed


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
