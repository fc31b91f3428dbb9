"""The report as one CSV sheet, for further computing."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from openmer.evaluation import SCORES, Intervals, PartScores, RunInfo, Summary
from openmer.reports._rows import HONEST, LEAKY, Run, ordered, plain, title_of

COLUMNS = (
    "method",
    "title",
    "epoch_rule",
    "protocol",
    "part",
    "clips",
    "subjects",
    "failed_clips",
    "seeds",
    *(name + end for name in SCORES for end in ("", "_low", "_high", "_sd")),
    "parameters",
    "seconds",
    "device",
    "strategy",
)
"""Scores, their 95 % interval and their standard deviation over seeds are fractions."""


def render_csv(runs: Sequence[Run]) -> str:
    """One line per run and part ("full", then every corpus); an unknown value is empty.

    The column `protocol` says honest or LEAKY, `failed_clips` how many clips could not be prepared
    and are in no score. Spreads over seeds are those of the full data.

    Raises:
        DataError: There is no run, or a record does not fit its scores.
    """
    sheet = io.StringIO()
    writer = csv.DictWriter(sheet, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for info, summary in ordered(runs):
        run = _run_cells(info)
        spreads = {f"{name}_sd": _number(summary.spread[name].sd) for name in SCORES}
        failed = [failure["clip"].partition("/")[0] for failure in info.failures]
        full = {"part": "full", "failed_clips": len(failed)}
        writer.writerow({**run, **full, **_score_cells(summary), **spreads})
        for name, part in summary.parts.items():
            own = {"part": _text(name), "failed_clips": failed.count(name)}
            writer.writerow({**run, **own, **_score_cells(part)})
    return sheet.getvalue()


def _run_cells(info: RunInfo) -> dict[str, object]:
    return {
        "method": _text(info.method),
        "title": _text(title_of(info)),
        "epoch_rule": info.epoch_rule,
        "protocol": LEAKY if info.leaky else HONEST,
        "seeds": " ".join(map(str, info.seeds)),
        "parameters": info.parameters,
        "seconds": f"{info.seconds:.1f}",
        "device": _text(info.device),
        "strategy": _text(info.strategy),
    }


def _score_cells(scores: Summary | PartScores) -> dict[str, object]:
    cells: dict[str, object] = {"clips": scores.clips, "subjects": scores.subjects}
    for name in SCORES:
        cells[name] = _number(getattr(scores, name))
        cells |= _interval_cells(scores.interval, name)
    return cells


def _interval_cells(intervals: Intervals | None, name: str) -> dict[str, object]:
    if intervals is None:
        return {}
    found = getattr(intervals, name)
    return {f"{name}_low": _number(found.low), f"{name}_high": _number(found.high)}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _text(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    shown = plain(text)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown
