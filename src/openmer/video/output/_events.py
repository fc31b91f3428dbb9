"""What was found in a video as files: ``events.csv`` for sheets, ``events.json`` with everything.

The columns and keys are described in ``docs/reference/events.md``.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from openmer import __version__
from openmer._csv_rows import csv_records
from openmer.errors import DataError, reading_file
from openmer.files import readable, replace_files
from openmer.video._analysis import Analysis
from openmer.video._event import Event, Interval, Kind, UnitHint
from openmer.video._quality import Quality
from openmer.video.spotting._curves import FaceCurves

if TYPE_CHECKING:
    from openmer.deployment import ModelRecord

FORMAT = 1

_CSV, _JSON = "events.csv", "events.json"
_DIGITS = {"onset_s": 6, "apex_s": 6, "offset_s": 6, "strength": 3, "displacement": 5}
_FRAMES = ("onset_frame", "apex_frame", "offset_frame")
_TIMES = ("onset_s", "apex_s", "offset_s")
_LONGEST = 1e10  # seconds or frames
_EDGES = ("face_left", "face_top", "face_right", "face_bottom")
_COLUMNS = (
    "video", "subject_id", "kind", "onset_s", "apex_s", "offset_s", *_FRAMES, "duration_s", "class",
    "confidence", "strength", "displacement", "regions", "looks_like", *_EDGES, "reason",
)  # fmt: skip
_LATER = "looks_like"  # a column that earlier results lack
_SCORE = "score_"
_BETWEEN = "; "
# A sheet takes a cell that starts like this for a formula (OWASP, CSV injection).
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def write_events(folder: Path | str, analysis: Analysis) -> tuple[Path, Path]:
    """Write the events of a video, also where there are none.

    The same analysis gives the same bytes. Both files appear complete or not at all.

    Args:
        folder: Made where it is missing.
        analysis: What was found.

    Returns:
        The paths of ``events.csv`` and ``events.json``.

    Raises:
        DataError: The files cannot be written, or a number of an event is not finite.
    """
    csv_path, json_path = Path(folder) / _CSV, Path(folder) / _JSON
    table = {csv_path: _encoded(_csv_text(analysis)), json_path: _encoded(_json_text(analysis))}
    replace_files(table)
    return csv_path, json_path


def read_events(path: Path | str) -> tuple[Event, ...]:
    """Read the events that `write_events` wrote, with the digits that it kept.

    Args:
        path: ``events.json``, ``events.csv``, or the folder that holds them.

    Raises:
        DataError: There is no such file, it has another form, or a later format.
    """
    path = Path(path) / _JSON if Path(path).is_dir() else Path(path)
    remedy = "Give events.json or events.csv as `openmer analyze` writes them."
    with reading_file(path, "a table of events", remedy):
        text = path.read_bytes().decode("utf-8-sig")
        rows = _from_csv(path, text) if path.suffix.lower() == ".csv" else _json_rows(text)
        return tuple(map(_event, rows))


def rate_text(fps: Fraction | None) -> str:
    """Frames per second as an exact text: "25", "30000/1001", "" where it is not known."""
    return "" if fps is None else str(fps)


def video_name(analysis: Analysis) -> str:
    """Return the name of the file or folder, without where it lies."""
    return readable(Path(analysis.info.name).name or analysis.info.name)


def _encoded(text: str) -> bytes:
    """UTF-8; parts of a file name that are no text become escapes."""
    return text.encode("utf-8", "backslashreplace")


def _record(event: Event) -> dict[str, Any]:
    """Convert an event to plain values with sensible digits, in the documented order."""
    number = {name: _rounded(getattr(event, name), digits) for name, digits in _DIGITS.items()}
    return {
        "subject_id": event.subject_id,
        "kind": event.kind,
        **{name: number[name] for name in _TIMES},
        **{name: getattr(event, name) for name in _FRAMES},
        "duration_s": round(number["offset_s"] - number["onset_s"], 6),
        "class": event.class_name,
        "confidence": None if event.confidence is None else _rounded(event.confidence, 4),
        "scores": {name: _rounded(score, 4) for name, score in event.scores.items()},
        "strength": number["strength"],
        "displacement": number["displacement"],
        "regions": list(event.regions),
        "looks_like": [
            {"unit": hint.unit, "side": hint.side, "strength": _rounded(hint.strength, 3)}
            for hint in event.looks_like
        ],
        "face_xyxy": [_rounded(edge, 1) for edge in event.face_xyxy],
        "reason": event.reason,
    }


def _rounded(value: float, digits: int) -> float:
    if not math.isfinite(value):
        raise DataError(f"An event holds the number {value}; expected a finite one. Spot again.")
    return round(float(value), digits) + 0.0  # no -0.0


def _event(row: Mapping[str, Any]) -> Event:
    """Build the event of a record."""
    if row["kind"] not in get_args(Kind):
        raise ValueError(f"found the kind {row['kind']!r}, expected {' or '.join(get_args(Kind))}")
    left, top, right, bottom = map(float, row["face_xyxy"])
    if not all(map(math.isfinite, (left, top, right, bottom))):
        raise ValueError(f"found a face at {row['face_xyxy']}")
    return Event(
        subject_id=int(row["subject_id"]),
        kind=row["kind"],
        **_rising(row, _FRAMES, int),
        **_rising(row, _TIMES, float),
        strength=float(row["strength"]),
        displacement=float(row["displacement"]),
        regions=tuple(row["regions"]),
        class_name=row["class"],
        confidence=None if row["confidence"] is None else float(row["confidence"]),
        scores={name: float(score) for name, score in row["scores"].items()},
        reason=row["reason"],
        looks_like=tuple(UnitHint(**hint) for hint in row.get("looks_like", ())),
        face_xyxy=(left, top, right, bottom),
    )


def _rising(
    row: Mapping[str, Any], names: Sequence[str], number: Callable[[Any], Any]
) -> dict[str, Any]:
    """Read onset, apex and offset, which follow one another."""
    onset, apex, offset = found = [number(row[name]) for name in names]
    if not 0 <= onset <= apex <= offset < _LONGEST:
        raise ValueError(f"found {found} as {', '.join(names)}, expected rising numbers")
    return dict(zip(names, found, strict=True))


def _json_text(analysis: Analysis) -> str:
    info = analysis.info
    page = {
        "format": FORMAT,
        "openmer": __version__,
        "verdict": analysis.verdict,
        "video": {
            "name": video_name(analysis),
            "width": info.width,
            "height": info.height,
            "fps": rate_text(info.fps),
            "frames": analysis.frames,
            "duration_s": _rounded(analysis.duration_s, 6),
            "codec": info.codec,
            "pixel_format": info.pixel_format,
            "rotation_degrees": info.rotation_degrees,
            "damage": analysis.damage,
        },
        "spotter": analysis.spotter,
        "model": None if analysis.model is None else _model(analysis.model),
        "faces": [
            _face(curves) | _quality(quality)
            for curves, quality in zip_longest(analysis.faces, analysis.qualities)
        ],
        "without_mesh": analysis.without_mesh,
        "events": [_record(event) for event in analysis.events],
        "gated": [_gated(interval) for interval in analysis.gated],
    }
    return json.dumps(page, indent=2, ensure_ascii=False) + "\n"


def _model(record: ModelRecord) -> dict[str, Any]:
    found = record.calibration
    return {
        "method": record.method,
        "title": record.title,
        "classes": list(record.classes),
        "weights_sha256": record.weights_sha256,
        "abstain_below": None if found is None else found.abstain_below,
        "estimate": None if record.estimate is None else record.estimate.model_dump(mode="json"),
        "caution": record.caution,
    }


def _face(curves: FaceCurves) -> dict[str, Any]:
    return {
        "subject_id": curves.subject_id,
        "first_s": _rounded(curves.times_s[0], 6),
        "last_s": _rounded(curves.times_s[-1], 6),
        "seen_s": _rounded(curves.seen_s, 6),
    }


def _quality(quality: Quality | None) -> dict[str, Any]:
    """Say how well a face could be measured."""
    if quality is None:
        return {}
    content: dict[str, Any] = {
        "clear_s": _rounded(quality.clear_s, 3),
        "clear_share": _rounded(quality.clear_share, 4),
        "is_measurable": quality.is_measurable,
        "restarts": quality.restarts,
        "fps": _rounded(quality.fps, 3),
        "face_px": _rounded(quality.face_px, 1),
        "problems": list(quality.problems),
        "advice": list(quality.advice),
    }
    for name in ("sharpness", "light"):
        value = getattr(quality, name)
        content[name] = None if value is None else _rounded(value, 2)
    for name in ("gated", "region_share"):
        content[name] = {key: _rounded(share, 4) for key, share in getattr(quality, name).items()}
    return {"quality": content}


def _gated(interval: Interval) -> dict[str, Any]:
    """Convert a movement under a gate to plain values."""
    number = {name: _rounded(getattr(interval, name), digits) for name, digits in _DIGITS.items()}
    return {
        "subject_id": interval.subject_id,
        "kind": interval.kind,
        **{name: getattr(interval, name) for name in _FRAMES},
        **number,
        "regions": list(interval.regions),
        "gates": list(interval.gates),
    }


def _json_rows(text: str) -> Iterable[Mapping[str, Any]]:
    page = json.loads(text)
    if page["format"] != FORMAT:
        raise ValueError(f"found format {page['format']}, expected {FORMAT}")
    return list(page["events"])


def _csv_text(analysis: Analysis) -> str:
    records = [_record(event) for event in analysis.events]
    classes = _classes(analysis, records)
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\r\n")  # both are quoted inside of a cell then
    writer.writerow([*_COLUMNS, *(_SCORE + name for name in classes)])
    for record in records:
        flat = record | dict(zip(_EDGES, record["face_xyxy"], strict=True))
        flat |= {"video": video_name(analysis), "regions": _BETWEEN.join(record["regions"])}
        flat["looks_like"] = _BETWEEN.join(map(_hint_text, record["looks_like"]))
        scores = [record["scores"].get(name) for name in classes]
        writer.writerow([_cell(value) for value in [*(flat[name] for name in _COLUMNS), *scores]])
    return sheet.getvalue()


def _classes(analysis: Analysis, records: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """All classes that have a score, those of the model first."""
    names = () if analysis.model is None else analysis.model.classes
    return tuple(dict.fromkeys([*names, *(name for row in records for name in row["scores"])]))


def _hint_text(hint: Mapping[str, Any]) -> str:
    """Write a hint in a cell: "L12 0.83"."""
    return f"{UnitHint(**hint)} {hint['strength']}"


def _hint(text: str) -> dict[str, Any]:
    unit, strength = text.split()
    side = {"L": "left", "R": "right"}.get(unit[0], "both")
    return {"unit": int(unit.lstrip("LR")), "side": side, "strength": float(strength)}


def _cell(value: object) -> str:
    """Write a value as a sheet takes it: no text starts a formula."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if _FORMULA.match(value) else value
    return str(value)


def _from_csv(path: Path, text: str) -> Iterable[Mapping[str, Any]]:
    found, rows = csv_records(path, text, strict=True)
    earlier = tuple(name for name in _COLUMNS if name != _LATER)
    if found[: len(_COLUMNS)] != _COLUMNS and found[: len(earlier)] != earlier:
        raise ValueError(f"found the columns {', '.join(found)}, expected {', '.join(_COLUMNS)}")
    if any(len(row) < len(found) for _, row in rows):
        raise ValueError("found a line with fewer cells than columns")
    return [_from_cells(row) for _, row in rows]


def _from_cells(row: Mapping[str, str]) -> dict[str, Any]:
    names = ("class", "regions", "looks_like", "reason")
    texts = {name: _plain(row.get(name, "")) for name in names}
    scores = {
        name.removeprefix(_SCORE): value for name, value in row.items() if name not in _COLUMNS
    }
    return {
        **row,
        "class": texts["class"] or None,
        "confidence": row["confidence"] or None,
        "scores": {name: value for name, value in scores.items() if value},
        "regions": texts["regions"].split(_BETWEEN) if texts["regions"] else [],
        "looks_like": [_hint(part) for part in texts["looks_like"].split(_BETWEEN) if part],
        "face_xyxy": [row[edge] for edge in _EDGES],
        "reason": texts["reason"],
    }


def _plain(text: str) -> str:
    """Remove the mark that keeps a text from being a formula."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
