"""BORIS's projects: JSON with an ethogram and the events of an observation, times in seconds."""

from __future__ import annotations

import json
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import Any

from openmer._empty_cells import with_word, without_word
from openmer.files import readable
from openmer.video.coding._coding import (
    CodedEvent,
    Coding,
    EventFormat,
    class_part,
    event_from,
    label_parts,
    note_part,
    quoted,
    register_event_format,
    units_part,
)
from openmer.video.coding._tiers import with_apexes

_VERSION = "7.0"
_KEYS = {"micro": "i", "macro": "a", "apex": "x"}
_NO_DATE = "1970-01-01T00:00:00"
_BETWEEN = "|"  # of the modifiers: class and action units
_NONE = "None"  # what BORIS says where nothing is chosen of a set
_MEDIA = "MEDIA"
_PLAYERS = 8


def _write(path: Path, coding: Coding) -> None:
    rows: list[tuple[float, str, str, str, str, int]] = []
    for event in coding.events:
        subject = f"subject {event.subject_id}"
        told = f"{_class(event)}{_BETWEEN}{event.action_units or _NONE}"
        for at_s, comment in ((event.onset_s, event.comment), (event.offset_s, "")):
            rows.append((at_s, subject, event.kind, told, comment, -1))
        if event.apex_s is not None:
            rows.append((event.apex_s, subject, "apex", "", "", -1))
    name = Path(coding.video).stem or "video"
    project = {
        "time_format": "seconds",
        "project_date": _NO_DATE,
        "project_name": name,
        "project_description": "Events found by OpenMER.",
        "project_format_version": _VERSION,
        "subjects_conf": _subjects(coding),
        "behaviors_conf": _ethogram(coding),
        "observations": {name: _observation(coding, [list(row) for row in sorted(rows)])},
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    text = json.dumps(project, indent=1, ensure_ascii=False)
    path.write_text(f"{readable(text)}\n", encoding="utf-8")


def _class(event: CodedEvent) -> str:
    """Write a class as BORIS has it, in quotes where it would be taken for several modifiers."""
    name = " ".join(event.class_name.split())
    return with_word(quoted(name) if set(name) & {_BETWEEN, ","} else class_part(name), _NONE)


def _subjects(coding: Coding) -> dict[str, Any]:
    numbers = sorted({event.subject_id for event in coding.events} | {1})
    return {
        str(place): {"key": str(number)[-1], "name": f"subject {number}", "description": ""}
        for place, number in enumerate(numbers)
    }


def _ethogram(coding: Coding) -> dict[str, Any]:
    """Give the behaviours: both kinds as states with class and action units, the apex a point."""
    sets = {
        "class": sorted({_class(event) for event in coding.events} - {_NONE}),
        "action units": sorted({event.action_units for event in coding.events} - {""}),
    }
    modifiers = {
        str(place): {"name": name, "type": 0, "values": values, "description": ""}
        for place, (name, values) in enumerate(sets.items())
    }
    return {
        str(place): {
            "type": "Point event" if code == "apex" else "State event",
            "key": key,
            "code": code,
            "description": "",
            "category": "",
            "modifiers": {} if code == "apex" else modifiers,
            "excluded": "",
            "coding map": "",
            "color": "",
        }
        for place, (code, key) in enumerate(_KEYS.items())
    }


def _observation(coding: Coding, rows: list[list[Any]]) -> dict[str, Any]:
    files = {str(player + 1): [coding.video] if player == 0 else [] for player in range(_PLAYERS)}
    rate = round(1 / coding.step_s, 3) if coding.step_s else 0.0
    return {
        "file": files,
        "type": _MEDIA,
        "date": _NO_DATE,
        "description": "",
        "time offset": 0,
        "events": rows,
        "observation time interval": [0, 0],
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "close_behaviors_between_videos": False,
        "scan_sampling_time": 0,
        "media_info": {
            "length": {coding.video: coding.duration_s},
            "fps": {coding.video: rate},
            "hasVideo": {coding.video: True},
            "hasAudio": {coding.video: False},
            "offset": {"1": 0.0},
        },
    }


def _read(path: Path) -> Coding:
    project = json.loads(path.read_text(encoding="utf-8"))
    if len(project["observations"]) != 1:
        raise ValueError(f"found {len(project['observations'])} observations, expected one")
    (observation,) = project["observations"].values()
    names = [str(one["name"]) for one in project["subjects_conf"].values()]
    kinds = {str(one["code"]): str(one["type"]) for one in project["behaviors_conf"].values()}
    points = {code for code, kind in kinds.items() if kind.lower().startswith("point")}
    media = observation["file"].get("1") or [""]
    if len(media) > 1:
        raise ValueError(f"found {len(media)} media files one after another, expected one")
    kind = str(observation.get("type") or _MEDIA)
    if kind != _MEDIA:
        raise ValueError(f"found an observation of type {kind}, expected {_MEDIA}, of one video")
    offsets = observation.get("media_info", {}).get("offset", {})
    for offset in (observation.get("time offset"), offsets.get("1")):
        if float(offset or 0):
            raise ValueError(
                f"found the time offset {offset} s, expected events that are timed from the first "
                "frame, so 0"
            )
    return Coding(video=media[0], events=_events(observation["events"], names, points))


def _events(
    rows: list[list[Any]], names: list[str], points: AbstractSet[str]
) -> tuple[CodedEvent, ...]:
    """Pair the starts and ends of states; points of "apex" are apexes, others last no time."""
    open_at: dict[tuple[str, str, str], tuple[float, str]] = {}
    found: list[CodedEvent] = []
    apexes: list[tuple[int, str, float]] = []
    for at_s, subject, code, modifier, comment in (row[:5] for row in sorted(rows)):
        key, number = (subject, code, modifier), _number(subject, names)
        if code == "apex":
            apexes.append((number, "", float(at_s)))
        elif code in points:
            continue
        elif key not in open_at:
            open_at[key] = (float(at_s), comment)
        else:
            start_s, said = open_at.pop(key)
            label = _label(code, modifier, said)
            event = event_from(label, start_s, float(at_s), subject_id=number)
            found.append(replace(event, subject=subject or "no subject"))
    for (subject, code, _), (start_s, _) in open_at.items():
        raise ValueError(f"{code!r} of {subject or 'no subject'} begins at {start_s} s without end")
    if {row[2] for row in rows} & (points - {"apex"}) and not found:
        raise ValueError("found point events only, expected state events with start and end")
    return with_apexes(found, apexes)


def _label(code: str, modifier: str, said: str | None) -> str:
    class_name, *others = [
        without_word(part, _NONE) for part in label_parts(modifier, _BETWEEN)
    ] or [""]
    class_name = quoted(class_name) if ";" in class_name and class_name[0] != '"' else class_name
    parts = (code, class_name, *map(units_part, others), note_part(said or ""))
    return "; ".join(part for part in parts if part)


def _number(subject: str, names: list[str]) -> int:
    """Return the number in a subject's name, else its place among the subjects."""
    last = subject.split()[-1:]
    if last and last[0].isdigit():
        return int(last[0])
    return names.index(subject) + 1 if subject in names else 1


register_event_format(
    EventFormat(name="boris", suffix=".boris", title="BORIS", write=_write, read=_read)
)
