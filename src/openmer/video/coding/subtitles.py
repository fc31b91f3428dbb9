"""WebVTT subtitles, which players show over a video: one cue for each event."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from openmer.video.coding._coding import (
    CodedEvent,
    Coding,
    EventFormat,
    event_from,
    register_event_format,
)
from openmer.video.coding._tiers import with_apexes

_STAMP = r"(?:(\d+):)?(\d\d):(\d\d[.]\d\d\d)"
_CUE = re.compile(rf"^{_STAMP} --> {_STAMP}")
_TEXT = re.compile(r"^(?:subject (\d+): )?(.*?)(?:; apex (\d+[.]\d+))?$", re.IGNORECASE)


def _write(path: Path, coding: Coding) -> None:
    cues = [f"{number}\n{_cue(event)}\n" for number, event in enumerate(coding.events, 1)]
    path.write_text("\n".join(["WEBVTT\n", *cues]), encoding="utf-8")


def _cue(event: CodedEvent) -> str:
    apex = "" if event.apex_s is None else f"; apex {event.apex_s:.3f}"
    label = event.label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    times = f"{_stamp(event.onset_s)} --> {_stamp(event.offset_s)}"
    return f"{times}\nsubject {event.subject_id}: {label}{apex}"


def _stamp(at_s: float) -> str:
    whole_ms = round(1000 * at_s)
    minutes, rest_ms = divmod(whole_ms, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest_ms // 1000:02}.{rest_ms % 1000:03}"


def _read(path: Path) -> Coding:
    text = path.read_text(encoding="utf-8-sig")
    if not text.startswith("WEBVTT"):
        raise ValueError("found no WEBVTT in the first line")
    events = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        lines = block.strip().split("\n")
        starts = [place for place, line in enumerate(lines) if "-->" in line]
        if not re.match(r"NOTE(\s|$)", lines[0]):  # the next times end a cue, as a blank line does
            events += [
                _event(lines[start], " ".join(lines[start + 1 : end]))
                for start, end in pairwise([*starts, len(lines)])
            ]
    return Coding(video="", events=tuple(events))


def _event(times: str, said: str) -> CodedEvent:
    found = _CUE.match(times)
    if found is None:
        raise ValueError(f"found the times {times!r}, expected 00:00:01.000 --> 00:00:02.000")
    parts = found.groups()
    onset_s, offset_s = (_seconds(*parts[place : place + 3]) for place in (0, 3))
    plain = re.sub(r"</?[a-z][^>]*>", "", said)  # such as <v Anna> and </v>; ours are escaped
    plain = plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    told = _TEXT.match(plain)
    subject, label, apex = told.groups() if told else (None, plain, None)
    event = event_from(label, onset_s, offset_s, subject_id=int(subject or 1))
    apexes = [(event.subject_id, "", float(apex))] if apex else []
    return with_apexes([event], apexes)[0]


def _seconds(hours: str | None, minutes: str, seconds: str) -> float:
    return 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds)


register_event_format(
    EventFormat(name="vtt", suffix=".vtt", title="WebVTT", write=_write, read=_read)
)
