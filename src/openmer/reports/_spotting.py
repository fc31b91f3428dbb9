"""The scores of a spotter as Markdown, as CSV and for a terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from openmer.evaluation import Interval, ScopeScores, SpottingScores
from openmer.reports._rows import counted, score
from openmer.reports._table import Table, csv_table, markdown_table, terminal_table

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

COLUMNS = (
    "scope",
    "truth",
    "found",
    "hits",
    "false_alarms",
    "misses",
    "precision",
    "recall",
    "f1",
    "f1_low",
    "f1_high",
    "minutes",
    "false_alarms_per_minute",
    "false_alarms_per_minute_low",
    "false_alarms_per_minute_high",
    "apex_error_frames",
    "apex_error_ms",
    "recognised",
    "recognition_f1",
    "recognition_uf1",
    "strs",
    "strs_low",
    "strs_high",
)
"""Scores are fractions, an unknown value is empty."""

_WORDS = {"micro": "micro", "macro": "macro", "all": "all", "either": "any kind"}
_INTERVAL_MEANS = (
    "Intervals are 95 % bootstrap intervals: whole subjects are drawn with replacement, "
    "all their videos with them."
)
_SPOTTED = ("Kind", "True", "Found", "Hits", "Precision", "Recall", "F1", "False/min")
_RECOGNISED = ("Kind", "Apex off", "Recognised", "Class F1", "Class UF1", "STRS")


def render_spotting_markdown(scores: SpottingScores) -> str:
    """Two tables, what was spotted and what was recognised of it, as GitHub Markdown."""
    blocks = [
        "# Spotting",
        _setting(scores),
        *map(markdown_table, _tables(scores)),
        f"{_quiet(scores)} {_INTERVAL_MEANS}",
    ]
    return "\n\n".join(blocks) + "\n"


def render_spotting_csv(scores: SpottingScores) -> str:
    """One line per scope and one for the videos without an event ("quiet")."""
    quiet = scores.quiet
    last = {
        "scope": "quiet",
        "truth": 0,
        "found": quiet.found,
        "hits": 0,
        "false_alarms": quiet.found,
        "misses": 0,
        "minutes": _number(quiet.minutes),
        "false_alarms_per_minute": _number(quiet.false_alarms_per_minute),
    }
    lines = [*map(_cells, scores.scopes), last]
    rows = tuple(tuple(str(line.get(name, "")) for name in COLUMNS) for line in lines)
    return csv_table(Table("", COLUMNS, rows))


def render_spotting_terminal(scores: SpottingScores) -> Group:
    """Build the two tables, to be printed by a rich console of 80 columns or more."""
    notes = f"{_setting(scores)} {_quiet(scores)} {_INTERVAL_MEANS}"
    tables: list[RenderableType] = []
    for table in _tables(scores):
        rows = tuple(tuple(str(c).replace(" (", "\n(") for c in row) for row in table.rows)
        tables += [terminal_table(replace(table, rows=rows)), ""]
    return Group(*tables, Text(notes, "dim"))


def _tables(scores: SpottingScores) -> tuple[Table, Table]:
    """Return what was spotted, and what was recognised of it."""
    return (
        Table("", _SPOTTED, tuple(map(_spotted, scores.scopes))),
        Table("", _RECOGNISED, tuple(map(_recognised, scores.scopes))),
    )


def _setting(scores: SpottingScores) -> str:
    return (
        f"{counted(scores.videos, 'video')} of {counted(scores.subjects, 'subject')}. A found "
        f"movement is a true one from an overlap (IoU) of {scores.least_iou:g}; counts are pooled "
        "over all videos. In the row 'any kind' the kind does not have to be right."
    )


def _quiet(scores: SpottingScores) -> str:
    per = "minute of visible face" if scores.of_face else "minute of video"
    quiet = scores.quiet
    rate = score(quiet.false_alarms_per_minute)
    return (
        f"False alarms are per {per}. {counted(quiet.videos, 'video')} without an event: "
        f"{counted(quiet.found, 'false alarm')}, {rate} per minute."
    )


def _spotted(scores: ScopeScores) -> tuple[str, ...]:
    found = scores.intervals
    return (
        _WORDS[scores.scope],
        str(scores.truth),
        str(scores.found),
        str(scores.hits),
        score(scores.precision),
        score(scores.recall),
        _with(scores.f1, found.f1 if found else None),
        _with(scores.false_alarms_per_minute, found.false_alarms_per_minute if found else None),
    )


def _recognised(scores: ScopeScores) -> tuple[str, ...]:
    found, apex, classes = scores.intervals, scores.apex, scores.recognition
    off = score(None)
    if apex is not None:
        off = f"{apex.mean_frames:.1f} frames"
        off += "" if apex.mean_ms is None else f" ({apex.mean_ms:.0f} ms)"
    return (
        _WORDS[scores.scope],
        off,
        score(None) if classes is None else str(classes.clips),
        score(None if classes is None else classes.f1),
        score(None if classes is None else classes.uf1),
        _with(scores.strs, found.strs if found else None),
    )


def _with(value: float | None, interval: Interval | None) -> str:
    """Write a score and its interval, where there is one."""
    if value is None or interval is None:
        return score(value)
    return f"{score(value)} ({score(interval.low)}\N{EN DASH}{score(interval.high)})"


def _cells(scores: ScopeScores) -> dict[str, object]:
    found, apex, classes = scores.intervals, scores.apex, scores.recognition
    names = ("truth", "found", "hits", "false_alarms", "misses")
    values = ("precision", "recall", "f1", "minutes", "false_alarms_per_minute", "strs")
    cells: dict[str, object] = {"scope": scores.scope}
    cells |= {name: getattr(scores, name) for name in names}
    cells |= {name: _number(getattr(scores, name)) for name in values}
    if apex is not None:
        cells["apex_error_frames"] = _number(apex.mean_frames)
        cells["apex_error_ms"] = _number(apex.mean_ms)
    if classes is not None:
        cells["recognised"] = classes.clips
        cells["recognition_f1"] = _number(classes.f1)
        cells["recognition_uf1"] = _number(classes.uf1)
    for name in ("f1", "strs", "false_alarms_per_minute"):
        interval = None if found is None else getattr(found, name)
        if interval is not None:
            cells |= {f"{name}_low": _number(interval.low), f"{name}_high": _number(interval.high)}
    return cells


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
