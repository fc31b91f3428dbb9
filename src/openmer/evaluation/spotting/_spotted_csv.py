"""The CSV files of the spotting challenges: what was found in which video.

The columns are ``vid``, ``pred_onset``, ``pred_offset`` and ``type`` (``me`` a micro-expression,
``mae`` a macro-expression), as entries of MEGC 2022 and 2023 have them; for spot-then-recognise
``emotion`` beside them, a name that no published entry was found for. Frames are as OpenMER counts
them, from 0; `first` moves them to where a challenge begins.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from openmer._csv_rows import csv_records, csv_text
from openmer.datasets import Kind, read_whole
from openmer.errors import DataError
from openmer.evaluation.spotting._matching import Span
from openmer.files import replace_file

_COLUMNS = ("vid", "pred_onset", "pred_offset", "type", "emotion")
_TYPES: Mapping[str, Kind] = {"me": "micro", "mae": "macro"}


def read_spotted(path: Path, *, first: int = 0) -> dict[str, list[Span]]:
    """Read what was found, by the name of the video.

    Args:
        path: The file.
        first: Number of the first frame of a video there.

    Raises:
        DataError: The file is missing, lacks a column, or a row is wrong; the row is named.
    """
    header, rows = csv_records(path, csv_text(path, "a CSV file of spotted movements"))
    lacking = [name for name in _COLUMNS[:4] if name not in header]
    if lacking:
        raise DataError(f"{path} has no column {', '.join(lacking)}; it needs {_COLUMNS[:4]}.")
    found: dict[str, list[Span]] = {}
    for number, row in rows:
        first_text, last_text, kind = (row.get(name, "").strip()[:60] for name in _COLUMNS[1:4])
        onset, offset = read_whole(first_text), read_whole(last_text)
        if onset is None or offset is None or kind.lower() not in _TYPES:
            raise DataError(
                f"{path} row {number}: found {first_text!r} to {last_text!r} of type {kind!r}, "
                "expected two frame numbers and me or mae."
            )
        span = Span(
            kind=_TYPES[kind.lower()],
            onset=onset - first,
            offset=offset - first,
            class_name=row.get("emotion") or None,
        )
        found.setdefault(row.get("vid", ""), []).append(span)
    return found


def write_spotted(path: Path, found: Mapping[str, Sequence[Span]], *, first: int = 0) -> None:
    """Write what was found, sorted by video and onset; all of it or nothing.

    Args:
        path: The file.
        found: By the name of the video. Without any class the column `emotion` is left out.
        first: As in `read_spotted`.
    """
    named = any(span.class_name for spans in found.values() for span in spans)
    columns = _COLUMNS if named else _COLUMNS[:4]
    kinds = {kind: name for name, kind in _TYPES.items()}
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for vid in sorted(found):
        for span in sorted(found[vid], key=lambda one: (one.onset, one.offset)):
            moments = (span.onset + first, span.offset + first)
            cells = (vid, *moments, kinds[span.kind], span.class_name or "")
            writer.writerow(cells[: len(columns)])
    replace_file(path, text.getvalue())
