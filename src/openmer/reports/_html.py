"""The report as one HTML page that needs nothing from outside itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomli_w
from jinja2 import Environment, PackageLoader, StrictUndefined

from openmer.evaluation import Part, RunInfo, Summary
from openmer.reports import _report_tables as tables
from openmer.reports._charts import (
    PANEL_HEIGHT_PX,
    SubjectPanel,
    best_first,
    interval_figure,
    subject_panels,
)
from openmer.reports._published import CAUTION, NOT_COMPOSITE, SOURCES, composite_results
from openmer.reports._rows import (
    INTERVAL_MEANS,
    LEAKY,
    LEAKY_MEANS,
    RULE_MEANS,
    RULE_WORDS,
    Row,
    Run,
    corpus_word,
    counted,
    notes_of,
    ordered,
    plain,
    row_of,
    shown_lines,
)
from openmer.reports._table import html_table
from openmer.theme import css_colours


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """One cell of a confusion matrix: mean count, percent of its row, that as a fraction."""

    count: str
    percent: str
    share: float
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subjects:
    """What is said about the subjects of a run."""

    never: str
    always: str
    panels: tuple[SubjectPanel, ...]


def render_html(runs: Sequence[Run], left_out: Sequence[str] = ()) -> str:
    """Render the page: headline, worth of the leak, every run, published numbers, how it was made.

    The same runs give the same text; it holds no time of writing.

    Args:
        runs: At least one.
        left_out: Why runs beside them are not in it, one text each.

    Raises:
        DataError: There is no run, or a record does not fit its scores.
    """
    runs = ordered(runs)
    environment = Environment(
        loader=PackageLoader("openmer.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    rows = [row_of(*run) for run in runs]
    return environment.get_template("report.html.j2").render(
        colours=css_colours(),
        LEAKY=LEAKY,
        leaky_means=LEAKY_MEANS,
        interval_means=INTERVAL_MEANS,
        rule_words=RULE_WORDS,
        rule_means=RULE_MEANS,
        table=html_table,
        headline=tables.headline_table(rows),
        further=tables.further_table(rows),
        leaks=tables.leak_table(runs),
        one_run=len(rows) == 1,
        lead=_lead(rows, runs),
        notes=[*notes_of(rows), *(f"Not in this report: {text}" for text in left_out)],
        figure=interval_figure(runs),
        panel_height=PANEL_HEIGHT_PX,
        sections=[_section(row, *run) for row, run in zip(rows, runs, strict=True)],
        **_published(runs),
    )


def _lead(rows: Sequence[Row], runs: Sequence[Run]) -> dict[str, object]:
    """Write the text at the head of the page."""
    honest = [
        (row, run[1].uf1)
        for row, run in zip(rows, runs, strict=True)
        if not (run[0].leaky or run[0].shuffled_labels)
    ]
    leaky = sum(row.leaky for row in rows)
    verb = "is" if leaky == 1 else "are"
    data = {row.data for row in rows}
    corpora = sorted({corpus for _, summary in runs for corpus in summary.parts})
    return {
        "title": rows[0].title if len({row.title for row in rows}) == 1 else "Methods compared",
        "runs": counted(len(rows), "run"),
        "data": data.pop() if len(data) == 1 else "",
        "corpora": ", ".join(corpus_word(corpus) for corpus in corpora),
        "best": max(honest, key=lambda found: found[1])[0] if honest else None,
        "leaky": bool(leaky),
        "leaky_words": f"{leaky} of {counted(len(rows), 'run')} {verb} leaky.",
    }


def _section(row: Row, info: RunInfo, summary: Summary) -> dict[str, object]:
    """Build the section of the page about one run."""
    return {
        "row": row,
        "classes": [plain(name) for name in summary.classes],
        "confusion": _confusion(summary),
        "several_seeds": len(summary.seeds) > 1,
        "class_table": tables.classes_table([(info, summary)]),
        "seed_table": tables.seeds_table(summary),
        "corpora_table": tables.corpora_table([(info, summary)]),
        "parts": [
            {"corpus": corpus_word(corpus), "confusion": _confusion(part)}
            for corpus, part in summary.parts.items()
        ],
        "subjects": _subjects(summary),
        "subject_table": tables.subjects_table(summary),
        "failures": len(info.failures),
        "failure_table": tables.failures_table(info),
        "asked": info.asked,
        "made": _made(info),
        "toml": _toml(info),
        "command": plain(info.command),
    }


def _confusion(summary: Part) -> list[list[_Cell]]:
    whole = all(count.is_integer() for counts in summary.confusion_mean for count in counts)
    matrix = []
    for i, counts in enumerate(summary.confusion_mean):
        shares = [count / (sum(counts) or 1) for count in counts]
        matrix.append(
            [
                _Cell(
                    count=f"{count:.0f}" if whole else f"{count:.1f}",
                    percent=f"{100 * share:.0f} %",
                    share=round(share, 3),
                    right=i == j,
                )
                for j, (count, share) in enumerate(zip(counts, shares, strict=True))
            ]
        )
    return matrix


def _subjects(summary: Summary) -> _Subjects:
    found = best_first(summary.by_subject)
    return _Subjects(
        never=_named(
            [plain(subject_id.subject_id) for subject_id in found if subject_id.correct == 0]
        ),
        always=_named(
            [plain(subject_id.subject_id) for subject_id in found if subject_id.accuracy == 1]
        ),
        panels=subject_panels(summary),
    )


def _named(subjects: Sequence[str], limit: int = 6) -> str:
    """Write a number of subjects with their names, as far as they fit a sentence."""
    if not subjects:
        return "nobody"
    shown = ", ".join(subjects[:limit])
    more = f" and {len(subjects) - limit} more" if len(subjects) > limit else ""
    return f"{counted(len(subjects), 'subject')} ({shown}{more})"


def _made(info: RunInfo) -> list[tuple[str, str]]:
    row = {
        "Method": info.method,
        "Epoch rule": f"{RULE_WORDS[info.epoch_rule]} ({info.epoch_rule})",
        **({"Leak": plain(info.leak)} if info.leak else {}),
        "Seeds": ", ".join(map(str, info.seeds)),
        "Device": info.device,
        "Folds were run": info.strategy,
    }
    return [(name, plain(value)) for name, value in row.items() if value]


def _toml(info: RunInfo) -> list[tuple[str, str]]:
    """Titles and TOML texts of the record's free tables; empty ones are left out."""
    tables: Mapping[str, Mapping[str, Any]] = {
        "Method, resolved": info.method_table,
        "Data": info.data,
        "Source": info.source,
        "Versions": info.versions,
    }
    return [(name, shown_lines(tomli_w.dumps(table))) for name, table in tables.items() if table]


def _published(runs: Sequence[Run]) -> dict[str, object]:
    """Build the comparison with published numbers; empty where no run is on their task."""
    table = tables.published_table(runs)
    if table is None:
        return {"published": None, "published_note": NOT_COMPOSITE, "sources": []}
    printed = {found.source for found in composite_results()}
    return {
        "published": table,
        "published_note": CAUTION,
        "sources": [(name, SOURCES[name]) for name in SOURCES if name in printed],
    }
