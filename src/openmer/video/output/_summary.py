"""What was found in many videos: one line for each face, as a table, a page and a CSV file."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from openmer import __version__
from openmer.errors import reading_file
from openmer.files import replace_files, require_own
from openmer.reports import Table, counted, csv_table, html_table
from openmer.theme import css_colours
from openmer.video.output._report import page_template

SUMMARY = "summary.html"
SHEET = "summary.csv"

_NO_CLASS = "no class"
_KINDS = ("micro", "macro")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceSummary:
    """What was found on one face of one video, or that there was none.

    Attributes:
        video: Name of the video.
        folder: Of its results, as seen from the page.
        subject_id: Number of the face; 0 where there was none.
        seen_s: Seconds in view.
        clear_s: Seconds of these in which brief movements could be measured.
        is_measurable: Whether "nothing found" says anything.
        micro: Micro-expressions.
        macro: Longer expressions.
        gated: Movements under a gate, which are no events.
        micro_per_minute: Of the time that could be measured; None where there was none.
        macro_per_minute: Likewise.
        classes: How many events of each class, with "no class" for those without.
        fps: Frames per second in which it was seen.
        face_px: Width of the face, pixels.
        restarts: How often it was started again.
        problems: What is below its threshold.
        damage: Why decoding ended early; "" where it did not.
    """

    video: str
    folder: str
    subject_id: int = 0
    seen_s: float = 0.0
    clear_s: float = 0.0
    is_measurable: bool = False
    micro: int = 0
    macro: int = 0
    gated: int = 0
    micro_per_minute: float | None = None
    macro_per_minute: float | None = None
    classes: Mapping[str, int]
    fps: float | None = None
    face_px: float | None = None
    restarts: int = 0
    problems: tuple[str, ...] = ()
    damage: str = ""


_PLAIN = tuple(field.name for field in fields(FaceSummary) if field.name != "classes")


def summarized(folders: Sequence[Path], out: Path) -> tuple[FaceSummary, ...]:
    """Read the results of videos, by video and face.

    Args:
        folders: Of results, one for each video.
        out: Where the summary will lie.

    Raises:
        DataError: A folder holds no results.
    """
    found: list[FaceSummary] = []
    for folder in folders:
        path = folder / "events.json"
        with reading_file(path, "results of a video", "Analyse the video again."):
            page = json.loads(path.read_text(encoding="utf-8"))
            lies = Path(os.path.relpath(folder, out)).as_posix()
            found += [_face(page, face, lies) for face in page["faces"]] or [
                FaceSummary(
                    video=page["video"]["name"], folder=lies, classes={},
                    damage=page["video"]["damage"],
                )
            ]  # fmt: skip
    return tuple(found)


def write_summary(
    out: Path, folders: Sequence[Path], failures: Sequence[str] = ()
) -> tuple[FaceSummary, ...]:
    """Write ``summary.csv`` and ``summary.html`` over the results of many videos.

    Args:
        out: Folder for both.
        folders: Of results, one for each video.
        failures: Why videos beside them could not be analysed, a sentence each.

    Returns:
        The lines.

    Raises:
        DataError: A folder holds no results, or the files cannot be written; or as `check_summary`.
    """
    check_summary(out)
    lines = summarized(folders, out)
    page = page_template("video_summary.html.j2").render(
        colours=css_colours(),
        table=html_table(summary_table(lines)),
        headline=_headline(lines),
        reports=[
            (video, f"{quote(os.fsencode(folder))}/report.html")
            for video, folder in dict.fromkeys((line.video, line.folder) for line in lines)
        ],
        damaged=[(line.video, line.damage) for line in lines if line.damage],
        failures=list(failures),
        version=__version__,
    )
    replace_files({out / SHEET: csv_table(_sheet(lines)), out / SUMMARY: page})
    return lines


def check_summary(out: Path) -> None:
    """Refuse a folder with a summary of somebody else; call it before the work.

    Raises:
        DataError: A file of the name of one of ours is not ours.
    """
    require_own({out / SHEET: ",".join(_PLAIN[:3]), out / SUMMARY: "<title>OpenMER"})


def summary_table(lines: Sequence[FaceSummary]) -> Table:
    """Build the table for a reader: how much was found in how much time that could be measured."""
    columns = (
        "Video", "Face", "Measurable", "Micro", "micro/min", "Macro", "macro/min", "Classes",
        "Quality",
    )  # fmt: skip
    rows = [_row(line) for line in lines]
    if len(lines) > 1:
        rows.append(_total(lines))
    note = (
        "A minute is a minute in which this face could be measured. Classes are what annotators "
        "would call a movement. Under a gate (speech, blinks, turns) nothing is counted."
    )
    return Table("", columns, tuple(rows), (note,), "llrrrrrll")


def _face(page: Mapping[str, Any], face: Mapping[str, Any], lies: str) -> FaceSummary:
    number, quality = face["subject_id"], face.get("quality", {})
    own = [event for event in page["events"] if event["subject_id"] == number]
    counts = {kind: sum(event["kind"] == kind for event in own) for kind in _KINDS}
    clear_s = float(quality.get("clear_s", face["seen_s"]))
    classes = Counter(event["class"] or _NO_CLASS for event in own)
    return FaceSummary(
        video=page["video"]["name"],
        folder=lies,
        subject_id=number,
        seen_s=float(face["seen_s"]),
        clear_s=clear_s,
        is_measurable=bool(quality.get("is_measurable", True)),
        **counts,
        gated=sum(one["subject_id"] == number for one in page["gated"]),
        micro_per_minute=_rate(counts["micro"], clear_s),
        macro_per_minute=_rate(counts["macro"], clear_s),
        classes=dict(sorted(classes.items())),
        fps=quality.get("fps"),
        face_px=quality.get("face_px"),
        restarts=int(quality.get("restarts", 0)),
        problems=tuple(quality.get("problems", ())),
        damage=page["video"]["damage"],
    )


def _rate(count: int, clear_s: float) -> float | None:
    return 60 * count / clear_s if clear_s > 0 else None


def _row(line: FaceSummary) -> tuple[str, ...]:
    if not line.subject_id:
        return (line.video, "none", *[""] * 6, "no face")
    state = "" if line.is_measurable else "not measurable"
    problems = ", ".join(line.problems)
    return (
        line.video,
        str(line.subject_id),
        f"{line.clear_s:.1f} of {line.seen_s:.1f} s",
        *_counts(line.micro, line.micro_per_minute),
        *_counts(line.macro, line.macro_per_minute),
        _class_words(line.classes),
        ": ".join(part for part in (state, problems) if part) or "good",
    )


def _total(lines: Sequence[FaceSummary]) -> tuple[str, ...]:
    clear_s, seen_s = (sum(getattr(line, n) for line in lines) for n in ("clear_s", "seen_s"))
    micro, macro = (sum(getattr(line, n) for line in lines) for n in _KINDS)
    faces = sum(line.subject_id > 0 for line in lines)
    classes: Counter[str] = Counter()
    for line in lines:
        classes.update(line.classes)
    poor = sum(line.subject_id > 0 and not line.is_measurable for line in lines)
    return (
        f"all {len({line.folder for line in lines})} videos",
        str(faces),
        f"{clear_s:.1f} of {seen_s:.1f} s",
        *_counts(micro, _rate(micro, clear_s)),
        *_counts(macro, _rate(macro, clear_s)),
        _class_words(dict(sorted(classes.items()))),
        f"{poor} not measurable",
    )


def _counts(count: int, rate: float | None) -> tuple[str, str]:
    return str(count), "" if rate is None else f"{rate:.1f}"


def _class_words(classes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in classes.items())


def _headline(lines: Sequence[FaceSummary]) -> str:
    videos = len({line.folder for line in lines})
    faces = sum(line.subject_id > 0 for line in lines)
    micro, macro = (sum(getattr(line, n) for line in lines) for n in _KINDS)
    clear_s = sum(line.clear_s for line in lines)
    return (
        f"{counted(micro, 'micro-expression')} and {counted(macro, 'macro-expression')} on "
        f"{counted(faces, 'face')} in {counted(videos, 'video')}, in {clear_s / 60:.1f} minutes "
        "that could be measured."
    )


def _sheet(lines: Sequence[FaceSummary]) -> Table:
    """Build the table for statistics: plain numbers, a column for each class."""
    names = sorted({name for line in lines for name in line.classes})
    columns = (*_PLAIN, *(f"class_{name.replace(' ', '_')}" for name in names))
    rows = [
        (
            *(_cell(getattr(line, name)) for name in _PLAIN),
            *(str(line.classes.get(name, 0)) for name in names),
        )
        for line in lines
    ]
    return Table("", columns, tuple(rows))


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(int(value))
        case tuple():
            return "; ".join(value)
        case float():
            return f"{value:.6g}" if math.isfinite(value) else ""
    return str(value)
