"""Files of programs for coding as the truth about videos, for `openmer evaluate-spotting`."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openmer.datasets import VIDEO_SUFFIXES
from openmer.errors import ConfigError, DataError, reading_file
from openmer.files import readable, replace_file, require_own, require_same
from openmer.video._analyze import Progress
from openmer.video.coding._coding import (
    EVENT_FORMATS,
    CodedEvent,
    Coding,
    checked_formats,
)
from openmer.video.io._reader import open_video

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
    on_progress: Progress | None = None,
) -> tuple[int, ...]:
    """Write what coders say of videos as a table that `read_truth_csv` reads.

    Times become the frames nearest to them, by the time stamps of the video, which is read for
    that. A file is about the video that it names, else about one of its own name beside it.

    Args:
        paths: Files of ELAN, BORIS or Praat, or subtitles.
        out: The CSV file.
        video: The video, where one file is given.
        fps: The true frame rate, where the videos were analysed with it.
        on_progress: Called with "read", how many files are done, and how many there are.

    Returns:
        How many events each file holds.

    Raises:
        ConfigError: As `read_coding`; or a video is given for several files.
        DataError: As `read_coding`; or there is no video, or it cannot be read; or the table is
            there already with other content.
    """
    if video is not None and len(paths) > 1:
        raise ConfigError(f"Found --video beside {len(paths)} files; expected one file with it.")
    pairs = [(path, coding, _video(path, coding, video))
             for path, coding in [(path, read_coding(path)) for path in paths]]  # fmt: skip
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
    by_video: dict[Path, Path] = {}
    for path, _, video in pairs:
        if by_video.setdefault(video.resolve(), path) is not path:
            raise DataError(
                f"{by_video[video.resolve()]} and {path} are both about {video}, so its events "
                "would count twice. Import them in turn, each with another --out."
            )


def _video(path: Path, coding: Coding, given: Path | None) -> Path:
    """Find the video that a file is about."""
    named = Path(coding.video) if coding.video else None
    tried = [given] if given is not None else []
    if given is None and named is not None:
        tried += [path.parent / named, path.parent / named.name]
    if given is None:
        tried += [p for p in sorted(path.parent.glob(f"{path.stem}.*"))
                  if p.suffix.lower() in VIDEO_SUFFIXES]  # fmt: skip
    found = next((place for place in tried if place.exists()), None)
    if found is None:
        about = given or coding.video or "a video that it does not name"
        raise DataError(
            f"{path} is about {about}, which is not there. Give it with --video, or put it beside "
            "the file under the same name."
        )
    return found


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
