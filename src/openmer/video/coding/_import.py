"""Files of programs for coding as the truth about videos, for `openmer evaluate-spotting`."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from pathlib import Path, PureWindowsPath

import numpy as np
from numpy.typing import NDArray

from openmer.datasets import find_path, same_files, videos_beside
from openmer.errors import ConfigError, DataError, reading_file, unknown_name
from openmer.files import readable, replace_file, require_own, require_same
from openmer.video._analyze import Progress
from openmer.video.coding._coding import (
    EVENT_FORMATS,
    CodedEvent,
    Coding,
    checked_formats,
)
from openmer.video.io._reader import open_video

_MOST_FACES = 1000
_COLUMNS = (
    "video", "subject_id", "kind", "onset", "apex", "offset", "class", "action_units",
    "comment",
)  # fmt: skip


def read_coding(path: Path) -> Coding:
    """Read a file of ELAN, BORIS or Praat, or subtitles; what it is its ending says.

    Raises:
        ConfigError: No format has this ending, or its package is not installed.
        DataError: It cannot be read as what its ending says.
    """
    forms = {EVENT_FORMATS[name].suffix.lower(): name for name in EVENT_FORMATS}
    name = forms.get(path.suffix.lower())
    if name is None:
        raise ConfigError(
            f"{path} ends in {path.suffix or 'nothing'}; expected one of {', '.join(forms)}."
        )
    (form,) = checked_formats([name])
    with reading_file(path, f"a file of {form.title}", f"Save it with {form.title} again."):
        return form.read(path)


def import_events(
    paths: Sequence[Path],
    out: Path,
    *,
    video: Path | None = None,
    fps: Fraction | None = None,
    coder: str = "",
    on_progress: Progress | None = None,
    notes: list[str] | None = None,
) -> tuple[int, ...]:
    """Write what coders say of videos as a table that `read_truth_csv` reads.

    Times become the frames nearest to them, by the time stamps of the video, which is read for
    that. A file is about the video that it names, else about one of its own name beside it.

    Args:
        paths: Files of ELAN, BORIS or Praat, or subtitles.
        out: The CSV file.
        video: The video, where one file is given.
        fps: The true frame rate, where the videos were analysed with it.
        coder: An annotator, or a word of the names of tiers; others are left out.
        on_progress: Called with "read", how many files are done, and how many there are.
        notes: Gets a text on each video that was found by its name alone.

    Returns:
        How many events each file holds.

    Raises:
        ConfigError: As `read_coding`; or a video is given for several files.
        DataError: As `read_coding`; or several coders say something of one face at a time; or
            there is no video, or it cannot be read; or the table is there already with other
            content.
    """
    if video is not None and len(paths) > 1:
        raise ConfigError(f"Found --video beside {len(paths)} files; expected one file with it.")
    codings = [(path, one_coder(path, read_coding(path), coder)) for path in paths]
    pairs = [(path, coding, _video(path, coding, video, [] if notes is None else notes))
             for path, coding in codings]  # fmt: skip
    _refuse_shared(pairs)
    require_own({out: ",".join(_COLUMNS)})
    sheet = io.StringIO()
    writer = csv.DictWriter(sheet, _COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    for done, (path, coding, found) in enumerate(pairs):
        if on_progress is not None:
            on_progress("read", done, len(pairs))
        named = Path(os.path.relpath(found.resolve(), out.resolve().parent)).as_posix()
        writer.writerows({"video": named, **row} for row in _rows(path, coding, found, fps))
    content = readable(sheet.getvalue()).encode()
    require_same(out, content)
    replace_file(out, content)
    return tuple(len(coding.events) for _, coding, _ in pairs)


def _refuse_shared(pairs: Sequence[tuple[Path, Coding, Path]]) -> None:
    """Refuse two files about one video: its events would count twice."""
    again = same_files([video for _, _, video in pairs])
    by_video: dict[Path, Path] = {}
    for path, _, video in pairs:
        other = by_video.setdefault(again.get(video, video), path)
        if other is not path:
            raise DataError(
                f"{other} and {path} are both about {video}, so its events would count twice. "
                "Import them in turn, each with another --out."
            )


def one_coder(path: Path, coding: Coding, coder: str) -> Coding:
    """Return a coding with what one coder says.

    Args:
        path: Where it is from, for errors.
        coding: Of a video.
        coder: An annotator, or a word of the names of tiers; "" takes all, who must not speak of
            one face at one time.

    Raises:
        DataError: Several do, there is no such coder, or two subjects would be one face.
    """
    events = tuple(dict.fromkeys(coding.events))  # what one tier says twice is said once
    coding = replace(coding, events=events)
    known = sorted({event.coder or event.tier for event in events} - {""})
    if coder:
        word = re.compile(rf"(?i)(?<![^\W_]){re.escape(coder)}(?![^\W_])")
        own = tuple(e for e in events if word.search(f"{e.coder}\n{e.tier}"))
        if events and not own:
            raise unknown_name("coder or tier", coder, known)
        _refuse_joined(path, own)
        return replace(coding, events=own)
    _refuse_joined(path, events)
    for one, other in combinations(events, 2):
        is_together = one.onset_s < other.offset_s and other.onset_s < one.offset_s
        is_other = one.coder != other.coder or (one.tier != other.tier and one.kind == other.kind)
        if is_together and is_other and one.subject_id == other.subject_id:
            raise DataError(
                f"{path} says twice what face {one.subject_id} shows at {other.onset_s:.2f} s, on "
                f"the tiers {one.tier!r} and {other.tier!r}, so it would count twice. Give --coder "
                f"with an annotator or a word of the name of a tier: {', '.join(known)}."
            )
    return coding


def _refuse_joined(path: Path, events: Iterable[CodedEvent]) -> None:
    """Refuse subjects of several names whose faces would have one number."""
    people: dict[int, dict[str, str]] = {}
    for event in events:
        if event.subject:
            people.setdefault(event.subject_id, {})[event.subject.casefold()] = event.subject
    for number, names in people.items():
        if len(names) > 1:
            raise DataError(
                f"{path} has events of {' and '.join(map(repr, names.values()))}, who would all be "
                f"face {number}. Name each after the number of the face, such as 'subject 1', "
                "where they were coded."
            )


def _video(path: Path, coding: Coding, given: Path | None, notes: list[str]) -> Path:
    """Find the video that a file is about."""
    if given is not None:
        tried = [given]
    else:
        name = PureWindowsPath(coding.video).name  # the last part of any system's path
        beside = find_path(path.parent, name) if name else path.parent / path.name
        own = [
            one for one in videos_beside(path.parent) if one.stem.casefold() == path.stem.casefold()
        ]
        if coding.video and os.path.lexists(path.parent / coding.video):
            return path.parent / coding.video
        tried = [beside] if name and beside.is_file() else own
    found = [place for place in tried if place.exists()]
    about = given or coding.video or "a video that it does not name"
    if not found:
        raise DataError(
            f"{path} is about {about}, which is not there. Give it with --video, or put it beside "
            "the file under the same name."
        )
    if len(found) > 1:
        both = " and ".join(place.name for place in found)
        raise DataError(f"{path} may be about {both}. Give the one that was coded with --video.")
    if coding.video and given is None:
        notes.append(f"{path}: {coding.video} is not there; {found[0]} was taken for it")
    return found[0]


def _rows(
    path: Path, coding: Coding, video: Path, fps: Fraction | None
) -> Iterator[dict[str, object]]:
    """Give a row for each event; one without times where there is none."""
    if not coding.events:
        yield {}
        return
    with open_video(video, fps=fps, on_damage="stop") as frames:
        times_s = np.array([float(frame.time_s) for frame in frames])
    for event in coding.events:
        if not 1 <= event.subject_id <= _MOST_FACES:
            raise DataError(
                f"{path} has an event of face {event.subject_id}; faces are numbered from 1 to "
                f"{_MOST_FACES}. Correct it where it was coded."
            )
        if not -1 < event.onset_s <= event.offset_s:
            raise DataError(
                f"{path} has an event from {event.onset_s:.2f} to {event.offset_s:.2f} s, which is "
                "no time of a video. Correct it where it was coded."
            )
        if event.offset_s > times_s[-1] + 1:
            raise DataError(
                f"{path} has an event at {event.offset_s:.2f} s, but {video} ends at "
                f"{times_s[-1]:.2f} s. Give the video that was coded."
            )
        yield _row(event, times_s)


def _row(event: CodedEvent, times_s: NDArray[np.float64]) -> dict[str, object]:
    def frame(at_s: float) -> int:
        return int(np.abs(times_s - at_s).argmin())

    onset = min(frame(event.onset_s), max(len(times_s) - 2, 0))  # one frame lasts no time
    return {
        "subject_id": event.subject_id,
        "kind": event.kind,
        "onset": onset,
        "apex": "" if event.apex_s is None else frame(event.apex_s),
        "offset": max(frame(event.offset_s), onset + 1),
        "class": event.class_name,
        "action_units": event.action_units,
        "comment": event.comment,
    }
