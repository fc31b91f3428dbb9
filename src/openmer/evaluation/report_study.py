"""A study as a table: our honest numbers, on request the leaky ones, and what the paper prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openmer.evaluation.published import PublishedResult
from openmer.evaluation.run_info import RunInfo
from openmer.evaluation.studies import Study, StudyResult
from openmer.evaluation.summary import Summary

if TYPE_CHECKING:
    from rich.table import Table

_NONE = "-"
IMPOSSIBLE = "impossible: a mean of recalls cannot exceed 1"


@dataclass(frozen=True, slots=True)
class StudyTable:
    """A study in words, for every kind of output.

    Attributes:
        title: The study, the paper, its tables.
        columns: Headings.
        rows: Cells of each line.
        notes: Sentences below the table.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def study_table(study: Study, results: Sequence[StudyResult]) -> StudyTable:
    """The table of a study of kind ``scores``.

    Args:
        study: Its title, source and note.
        results: One per row, from `run_study`.
    """
    leaky = any(result.leaky for result in results)
    columns = ["", "UF1, ours", "UAR, ours", "epoch rule"]
    columns += ["F1 by class, ours"] * study.per_class
    columns += ["UF1, LEAKY", "UAR, LEAKY"] * leaky
    columns += ["UF1, printed", "UAR, printed"]
    rows = [_row(study, result, leaky=leaky) for result in results]
    not_run = [
        f"{result.row.label}: not run, {result.why_not}."
        for result in results
        if result.why_not and result.row.run
    ]
    notes = [study.note] * bool(study.note) + not_run + _left_out(results) + _flags(results)
    if leaky:
        notes.append("LEAKY: the epoch was chosen on the tested person. Not a result.")
    return StudyTable(_title(study), tuple(columns), tuple(rows), tuple(notes))


def study_markdown(table: StudyTable) -> str:
    """A study as a Markdown page."""
    head = f"| {' | '.join(table.columns)} |\n|{' --- |' * len(table.columns)}"
    body = "\n".join(f"| {' | '.join(row)} |" for row in table.rows)
    return "\n\n".join([f"# {table.title}", f"{head}\n{body}", *table.notes]) + "\n"


def study_terminal(table: StudyTable) -> Table:
    """A study for a rich console; the notes are its caption."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    found = Table(
        title=table.title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        caption="\n".join(table.notes),
        caption_justify="left",
    )
    for column in table.columns:
        found.add_column(column, style="red" if "LEAKY" in column else "", overflow="fold")
    for row in table.rows:
        found.add_row(*(Text(cell.replace(" (", "\n(").replace(", ", "\n")) for cell in row))
    return found


def _title(study: Study) -> str:
    tables = f", table {' and '.join(study.tables)}" if study.tables else ""
    return f"{study.title} ({study.source}{tables})"


def _row(study: Study, result: StudyResult, *, leaky: bool) -> tuple[str, ...]:
    cells = [result.row.label, *_ours(result.honest), _rule(result.honest)]
    if study.per_class:
        cells.append(_by_class(result.honest))
    if leaky:
        cells += _ours(result.leaky)
    return (*cells, *_printed(result.published))


def _ours(run: tuple[RunInfo, Summary] | None) -> tuple[str, str]:
    if run is None:
        return _NONE, _NONE
    summary = run[1]
    interval = summary.interval
    spans = ["", ""]
    if interval is not None:
        spans = [f" ({found.low:.3f}-{found.high:.3f})" for found in (interval.uf1, interval.uar)]
    return f"{summary.uf1:.3f}{spans[0]}", f"{summary.uar:.3f}{spans[1]}"


def _rule(run: tuple[RunInfo, Summary] | None) -> str:
    return _NONE if run is None else run[0].epoch_rule


def _by_class(run: tuple[RunInfo, Summary] | None) -> str:
    if run is None:
        return _NONE
    return ", ".join(f"{found.name} {found.f1:.2f}" for found in run[1].per_class)


def _printed(published: PublishedResult | None) -> tuple[str, str]:
    if published is None:
        return _NONE, _NONE
    found = [published.uf1, published.uar]
    return (
        _NONE if found[0] is None else f"{found[0]:g}",
        _NONE if found[1] is None else f"{found[1]:g}{' (!)' * (found[1] > 1)}",
    )


def _left_out(results: Sequence[StudyResult]) -> list[str]:
    """Rows judged on fewer clips than were asked for, or on other clips than their neighbours."""
    runs = [(result.row.label, run) for result in results for run in (result.honest,) if run]
    notes = [
        f"{label}: {len(info.failures)} of {info.asked} clips could not be prepared; the scores "
        "are of the others."
        for label, (info, _) in runs
        if info.failures
    ]
    if len({info.data.get("clips_sha256") for _, (info, _) in runs}) > 1:
        notes.append("The rows are not of the same clips: compare them with care.")
    return notes


def _flags(results: Sequence[StudyResult]) -> list[str]:
    """What is wrong with printed numbers, and what else the paper prints for a row."""
    flags = []
    if any(((result.published and result.published.uar) or 0) > 1 for result in results):
        flags.append(f"(!) {IMPOSSIBLE}.")
    others = {
        result.row.label: result.published.note.replace("UAR above 1 is impossible; ", "")
        for result in results
        if result.published and result.published.note not in ("", "UAR above 1 is impossible")
    }
    return flags + [f"Printed for {label}: {note}." for label, note in others.items()]
