"""The report as one CSV sheet, for further computing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from openmer.evaluation import Part, RunInfo, list_metrics
from openmer.reports._rows import HONEST, LEAKY, Run, ordered, title_of
from openmer.reports._table import Table, csv_table

_FIRST = (
    "method",
    "title",
    "epoch_rule",
    "protocol",
    "part",
    "clips",
    "subjects",
    "failed_clips",
    "seeds",
)
_LAST = ("parameters", "seconds", "device", "strategy", "audit")
_ENDS = ("", "_low", "_high", "_sd")


def csv_columns() -> list[str]:
    """List the columns; scores, their 95 % interval and their spread over seeds are fractions."""
    scores = [metric.name + end for metric in list_metrics() for end in _ENDS]
    return [*_FIRST, *scores, *_LAST]


def render_csv(runs: Sequence[Run]) -> str:
    """One line per run and part ("full", then every corpus); an unknown value is empty.

    The column `protocol` says honest or LEAKY, `failed_clips` how many clips could not be prepared
    and are in no score.

    Raises:
        DataError: There is no run, or a record does not fit its scores.
    """
    lines: list[dict[str, object]] = []
    for info, summary in ordered(runs):
        run = _run_cells(info)
        failed = [failure["clip"].partition("/")[0] for failure in info.failures]
        full = {"part": "full", "failed_clips": len(failed)}
        lines.append({**run, **full, **_score_cells(summary)})
        for name, part in summary.parts.items():
            own = {"part": name, "failed_clips": failed.count(name)}
            lines.append({**run, **own, **_score_cells(part)})
    columns = csv_columns()
    rows = tuple(tuple(str(line.get(name, "")) for name in columns) for line in lines)
    return csv_table(Table("", tuple(columns), rows))


def _run_cells(info: RunInfo) -> dict[str, object]:
    return {
        "method": info.method,
        "title": title_of(info),
        "epoch_rule": info.epoch_rule,
        "protocol": f"{LEAKY if info.leaky else HONEST} {info.leak}".strip(),
        "seeds": " ".join(map(str, info.seeds)),
        "parameters": info.parameters,
        "seconds": f"{info.seconds:.1f}",
        "device": info.device,
        "strategy": info.strategy,
        "audit": info.audit,
    }


def _score_cells(part: Part) -> dict[str, object]:
    cells: dict[str, object] = {"clips": part.clips, "subjects": part.subjects}
    for name, found in part.scores.items():
        values = (found.value, found.low, found.high, found.sd)
        cells |= {name + end: _number(value) for end, value in zip(_ENDS, values, strict=True)}
    return cells


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.6f}"
