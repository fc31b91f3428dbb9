"""Clips in the layout of BIDS: a folder and a table of events for each subject.

It is like BIDS, the Brain Imaging Data Structure (https://bids.neuroimaging.io), and no checked
part of it: BIDS has no suffix for clips of faces. Images stay where they are, and their paths stand
in the tables::

    dataset_description.json
    participants.tsv                                  participant_id, corpus, subject, clips
    task-expression_events.json                       what the columns say
    sub-0001/beh/sub-0001_task-expression_events.tsv  onset, duration, trial_type, ...

A row has onset and duration in seconds, the annotators' word as `trial_type`, and the columns of a
manifest; frames are `onset_frame`, `apex_frame` and `offset_frame`. What is not said is "n/a", as
BIDS has it; a word that is "n/a" itself stands in single quotes.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from openmer._csv_rows import csv_records, csv_text
from openmer._empty_cells import with_word, without_word
from openmer.datasets._manifest import encoded
from openmer.errors import DataError
from openmer.files import replace_folder

DESCRIPTION = "dataset_description.json"
_TASK = "task-expression_events"
_MOMENTS = ("onset", "apex", "offset")
_SHOWN = 5
_PATHS = ("frames", "flow_path")
_MISSING = "n/a"
_COLUMNS = {
    "onset": "Beginning of the movement in its recording, in seconds.",
    "duration": "From onset to offset, both frames included, in seconds.",
    "trial_type": "The annotators' word.",
    "clip": "Name of the clip.",
    "frames": "Folder of images, one per frame; below this folder, or whole.",
    "onset_frame": "First frame of the movement, counted from 0.",
    "apex_frame": "Frame of the largest movement.",
    "offset_frame": "Last frame of the movement.",
    "fps": "Frames per second.",
    "flow_path": "A ready flow image.",
    "same_subject_as": "Another id of the subject.",
    "faces": "Whether the frames are cut-out faces.",
    "action_units": "The annotators' action units.",
}

Rows = Iterable[Mapping[str, object]]


def write_bids(folder: Path, rows: Rows, columns: Sequence[str], generator: str) -> None:
    """Write rows of a manifest in a new folder.

    Args:
        folder: Must not hold anything else.
        rows: With whole paths.
        columns: Of the manifest.
        generator: Name and version of what writes it.

    Raises:
        DataError: The folder holds something, or cannot be written.
    """
    people: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        cells = {name: _text(row.get(name)) for name in columns}
        people.setdefault((cells["corpus"], cells["subject"]), []).append(_event(cells, folder))
    name, _, version = generator.partition(" ")
    about = {
        "Name": "Micro-expression clips",
        "BIDSVersion": "1.10.0",
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": name, "Version": version}],
    }
    ids = {one: f"sub-{number:04}" for number, one in enumerate(people, start=1)}
    told = [
        dict(zip(_WRITTEN, (ids[one], *one, str(len(events))), strict=True))
        for one, events in people.items()
    ]
    meanings = {column: {"Description": text} for column, text in _COLUMNS.items()}
    with replace_folder(folder) as made:
        (made / DESCRIPTION).write_text(json.dumps(about, indent=2), encoding="utf-8")
        (made / f"{_TASK}.json").write_text(json.dumps(meanings, indent=2), encoding="utf-8")
        (made / "participants.tsv").write_bytes(encoded(_table(_WRITTEN, told)))
        for one, events in people.items():
            below = made / ids[one] / "beh"
            below.mkdir(parents=True)
            content = encoded(_table(tuple(_COLUMNS), events))
            (below / f"{ids[one]}_{_TASK}.tsv").write_bytes(content)


_PEOPLE = ("participant_id", "corpus", "subject")
_COUNT = "clips"
_WRITTEN = (*_PEOPLE, _COUNT)


def read_bids(folder: Path) -> dict[str, dict[str, str]]:
    """Read the rows of a manifest that `write_bids` wrote, with whole paths.

    Returns:
        Each under the table and row in which it stands.

    Raises:
        DataError: A table is missing, or lacks a column, or a row is no row of it.
    """
    rows: dict[str, dict[str, str]] = {}
    seen: set[str] = set()
    for participant in _lines(folder / "participants.tsv", _PEOPLE):
        name = participant["participant_id"]
        if name in seen or not re.fullmatch(r"sub-\w[\w.+-]*", name):
            fault = "twice" if name in seen else "as a participant: expected a name like sub-0001"
            raise DataError(f"{folder / 'participants.tsv'} lists {name!r} {fault}. Correct it.")
        seen.add(name)
        path = folder / name / "beh" / f"{name}_{_TASK}.tsv"
        events = _lines(path, tuple(_COLUMNS))
        if participant.get(_COUNT, str(len(events))) != str(len(events)):
            raise DataError(
                f"{path} has {len(events)} rows, and participants.tsv says {participant[_COUNT]}. "
                "Write the folder again."
            )
        for number, event in enumerate(events, start=2):
            moments = {one: event[f"{one}_frame"] for one in _MOMENTS}
            whole = {n: str((folder / event[n]).absolute()) for n in _PATHS if event[n]}
            own = {"corpus": participant["corpus"], "subject": participant["subject"]}
            found = {**event, **moments, **whole, **own, "label": event["trial_type"]}
            rows[f"{path.name} row {number}"] = found
    named = {folder / name / "beh" / f"{name}_{_TASK}.tsv" for name in seen}
    lost = sorted(set(folder.rglob("*_events.tsv")) - named)
    if lost:
        shown = ", ".join(path.relative_to(folder).as_posix() for path in lost[:_SHOWN])
        raise DataError(
            f"{folder / 'participants.tsv'} has no row for {len(lost)} tables of events: {shown}. "
            "Add the rows, or move the tables away."
        )
    return rows


def _event(cells: Mapping[str, str], folder: Path) -> dict[str, str]:
    found = {name: cells.get(name, "") for name in _COLUMNS}
    found |= {f"{one}_frame": cells[one] for one in _MOMENTS}
    found |= {name: _below(cells.get(name, ""), folder) for name in _PATHS}
    start, end, fps = cells["onset"], cells["offset"], cells["fps"]
    known = bool(start and end and fps)
    seconds = (
        (int(start) / Fraction(fps), (int(end) - int(start) + 1) / Fraction(fps)) if known else ()
    )
    told = [f"{float(one):.6g}" for one in seconds] or [_MISSING, _MISSING]
    return {**found, "onset": told[0], "duration": told[1], "trial_type": cells["label"]}


def _below(path: str, folder: Path) -> str:
    """Return a path below the folder as it is below it; any other one whole."""
    inside = path and Path(path).is_relative_to(folder.absolute())
    return Path(os.path.relpath(path, folder.absolute())).as_posix() if inside else path


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)  # noqa: PLR0124 - NaN


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    cells = ([with_word(row[name], _MISSING) for name in columns] for row in rows)
    writer.writerows([columns, *cells])
    return text.getvalue()


def _lines(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    todo = "Write the folder again."
    header, rows = csv_records(path, csv_text(path, "a table of a BIDS-like folder", todo), "\t")
    lacking = [name for name in columns if name not in header]
    if lacking:
        raise DataError(f"{path} has no column {', '.join(lacking)}. {todo}")
    for number, row in rows:
        if len(row) < len(header):
            raise DataError(
                f"{path} row {number} has {len(row)} cells, expected {len(header)}. {todo}"
            )
    return [{name: without_word(cell, _MISSING) for name, cell in row.items()} for _, row in rows]
