"""A study as a table: our honest numbers, on request the leaky ones, and what the paper prints."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from openmer.evaluation import METRICS, Part, RunInfo, Summary, audit_sentence
from openmer.preprocessing import HOLDS_BINS
from openmer.reports import Marked, PublishedResult, Table, counted, markdown_table, terminal_table
from openmer.reproduction._rows import QUICK_EPOCHS, Changes, row_method
from openmer.reproduction._run_study import StudyResult
from openmer.reproduction._study import WHOLE, Study, part_word

if TYPE_CHECKING:
    from rich.table import Table as RichTable

IMPOSSIBLE = "impossible: a mean of recalls cannot exceed 1"
_NONE = "-"
_WHOSE = ("ours", "printed")


def study_table(study: Study, results: Sequence[StudyResult]) -> Table:
    """Build the table of a study of kind ``scores``, the rows of each part together.

    Args:
        study: Its title, source and note.
        results: One per row, from `run_study`.
    """
    leaky = any(result.leaky for result in results)
    words = _headings(study)
    columns = ["", *["clips"] * _below(study), *(f"{word}, ours" for word in words), "epoch rule"]
    columns += [f"F1 {name}, {whose}" for name in _classes(study, results) for whose in _WHOSE]
    columns += ["clips with a bin in the band", "a movement becomes"] * study.magnified
    columns += [f"{word}, LEAKY" for word in words if leaky]
    columns += [f"{word}, printed" for word in words if study.prints]
    groups = [study.shown_parts] if study.across else [(part,) for part in study.shown_parts]
    rows = [_row(study, result, parts, leaky=leaky) for parts in groups for result in results]
    return Table(study_title(study), tuple(columns), tuple(rows), _notes(study, results))


def _headings(study: Study) -> list[str]:
    """Write the name of every score of a line; of parts side by side with the part."""
    words = [METRICS[score].title for score in study.scores]
    if not study.across:
        return words
    return [f"{word} {part_word(part)}" for part in study.shown_parts for word in words]


def _below(study: Study) -> bool:
    """Whether the parts of a study have lines of their own."""
    return len(study.shown_parts) > 1 and not study.across


def study_tables(
    study: Study, results: Sequence[StudyResult], changes: Changes | None = None
) -> list[Table]:
    """Build a table for each set of clips and classes: rows of others are not to be compared.

    Args:
        study: Its title, source and note.
        results: One per row, from `run_study`. Rows that were not run stand in the first table.
        changes: What the user changed; a quick study and one as published say so in their titles.
    """
    blocks: dict[tuple[object, ...], list[StudyResult]] = {}
    for result in results:
        if result.honest is not None:
            blocks.setdefault(_block(result.honest[0]), []).append(result)
    first = next(iter(blocks), ())
    for result in results:
        if result.honest is None:
            blocks.setdefault(first, []).append(result)
    marks = _marks(changes or Changes())
    tables = []
    for number, block in enumerate(blocks.values(), start=1):
        rows = [result for result in results if result in block]
        table, run = study_table(study, rows), block[0].honest
        if run is not None and len(blocks) > 1:
            summary = f"{run[0].clips} clips, {', '.join(run[0].classes)}"
            table = replace(table, title=f"{table.title}; set {number} of {len(blocks)}: {summary}")
        tables.append(replace(table, title=table.title + marks))
    return tables


def _block(info: RunInfo) -> tuple[object, ...]:
    return info.data.get("clips_sha256"), tuple(info.classes)


def _marks(changes: Changes) -> str:
    words = ["as published"] * changes.as_published
    words += [f"QUICK, {QUICK_EPOCHS} epochs a stage: no result"] * changes.quick
    return "".join(f"; {word}" for word in words)


def study_markdown(tables: Iterable[Table]) -> str:
    """Write a study as a Markdown page."""
    blocks = (
        "\n\n".join([f"# {table.title}", markdown_table(table), *table.notes]) for table in tables
    )
    return "\n\n".join(blocks) + "\n"


def study_terminal(table: Table) -> RichTable:
    """Build the table of a study for a rich console; the notes are its caption."""
    rows = [[_in_lines(str(cell)) for cell in row] for row in table.rows]
    columns = [
        _heading(column, [row[place] for row in rows]) for place, column in enumerate(table.columns)
    ]
    leaky = ["LEAKY" in column for column in table.columns]
    marked = (
        tuple(
            Marked(cell, "leaky") if leak else cell for cell, leak in zip(row, leaky, strict=True)
        )
        for row in rows
    )
    return terminal_table(replace(table, columns=tuple(columns), rows=tuple(marked)), fold=True)


def _in_lines(cell: str) -> str:
    """Break a cell into short lines; an interval breaks between its ends, not inside."""
    breakable = re.sub(r"\(0(\.\d+)-0(\.\d+)\)", r"(\1 - \2)", cell)
    return breakable.replace(" (", "\n(").replace(", ", "\n")


def _heading(column: str, cells: Iterable[str]) -> str:
    """Break a heading into lines no wider than its cells and its own words are."""
    lines = [*column.split(), *(line for cell in cells for line in cell.split("\n"))]
    return "\n".join(textwrap.wrap(column, max(map(len, lines), default=1) or 1))


def study_title(study: Study) -> str:
    """Write the title of the study, the paper and the numbers of its tables."""
    tables = f", table {' and '.join(study.tables)}" if study.tables else ""
    return f"{study.title} ({study.source}{tables})"


def rows_not_run(results: Sequence[StudyResult]) -> list[str]:
    """Write a sentence for each row that could have been run, but was not."""
    return [
        f"{result.row.label}: not run, {result.why_not}."
        for result in results
        if result.why_not and result.row.run
    ]


def rows_apart(results: Sequence[StudyResult]) -> list[str]:
    """Rows evaluated on fewer clips than asked for, from weights that leak, or on other clips."""
    runs = [(result.row.label, run) for result in results for run in (result.honest,) if run]
    notes = [
        f"{label}: {len(info.failures)} of {info.asked} clips could not be prepared; the scores "
        "are of the others."
        for label, (info, _) in runs
        if info.failures
    ]
    notes += [
        f"{label}: LEAKY, images of {counted(len(info.seen_subjects), 'tested subject')} made its "
        "weights."
        for label, (info, _) in runs
        if info.seen_subjects
    ]
    if len({info.data.get("clips_sha256") for _, (info, _) in runs}) > 1:
        notes.append("The rows are not of the same clips: compare them with care.")
    return notes


def epoch_rule(run: tuple[RunInfo, Summary] | None) -> str:
    """How a run's epoch was chosen; a leaky one says so."""
    if run is None:
        return _NONE
    leak = f", {run[0].leak.replace('_', ' ')}" if run[0].leak else ""
    return run[0].epoch_rule + leak + " (LEAKY)" * run[0].leaky


def _row(
    study: Study, result: StudyResult, parts: Sequence[str], *, leaky: bool
) -> tuple[str, ...]:
    """Write the line of a row with the scores of some parts, one after another."""
    cells = [result.row.label, *[part_word(parts[0])] * _below(study)]
    cells += [cell for part in parts for cell in _ours(study, result.honest, part)]
    cells.append(epoch_rule(result.leaky if result.row.leak else result.honest))
    if study.per_class:
        cells += _by_class(result)
    if study.magnified:
        cells += _magnified(result)
    if leaky:
        cells += [cell for part in parts for cell in _ours(study, result.leaky, part)]
    if study.prints:
        cells += [cell for part in parts for cell in _printed(study, result, part)]
    return tuple(cells)


def scores_of(run: tuple[RunInfo, Summary] | None, part: str) -> Part | None:
    """Return the scores of some of a run's clips; None where it has none of them."""
    if run is None:
        return None
    return run[1] if part == WHOLE else run[1].parts.get(part)


def _ours(study: Study, run: tuple[RunInfo, Summary] | None, part: str) -> list[str]:
    found = scores_of(run, part)
    if found is None:
        return [_NONE] * len(study.scores)
    return [_score(found, score) for score in study.scores]


def _score(found: Part, score: str) -> str:
    """Write a score with its interval, where it has one."""
    estimate = found.scores[score]
    if estimate.low is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})"


def _classes(study: Study, results: Sequence[StudyResult]) -> tuple[str, ...]:
    """Return the classes that have columns of their own: none where the paper's table has none."""
    if not study.per_class:
        return ()
    runs = [result.honest for result in results if result.honest]
    return tuple(runs[0][0].classes) if runs else row_method(study, study.rows[0]).scheme.classes


def _by_class(result: StudyResult) -> list[str]:
    """Write F1 of every class, ours and printed."""
    printed = result.row.printed_f1
    if result.honest is None:
        ours = [_NONE] * len(printed)
    else:
        ours = [f"{found.f1:.3f}" for found in result.honest[1].per_class]
    told = [f"{value:g}" for value in printed] or [_NONE] * len(ours)
    return [cell for pair in zip(ours, told, strict=True) for cell in pair]


def _magnified(result: StudyResult) -> list[str]:
    """For how many clips the band of `magnify` holds a bin, and how large a movement becomes."""
    if result.honest is None:
        return [_NONE, _NONE]
    ways = result.honest[0].prepared.get("magnify", {})
    held = f"{ways.get(HOLDS_BINS, 0)} of {sum(ways.values())}" if ways else _NONE
    return [held, _NONE if result.times is None else f"{result.times:.1f} times as large"]


def _printed(study: Study, result: StudyResult, part: str) -> list[str]:
    published = study.published(result.row, part)
    return [_printed_score(published, score) for score in study.scores]


def _printed_score(published: PublishedResult | None, score: str) -> str:
    value = None if published is None else getattr(published, score)
    return _NONE if value is None else f"{value:g}{' (!)' * (value > 1)}"


def _notes(study: Study, results: Sequence[StudyResult]) -> tuple[str, ...]:
    notes = [study.note] * bool(study.note) + rows_not_run(results) + rows_apart(results)
    states = {result.row.label: result.honest[0].audit for result in results if result.honest}
    notes += [audit_sentence(states)] * bool(states)
    notes += _parts_apart(study, results) + _flags(study, results)
    if any(result.leaky for result in results):
        more = ", or another leak was made on purpose" * any(r.row.leak for r in results)
        notes.append(f"LEAKY: the epoch was chosen on the tested subject{more}. Not a result.")
    return tuple(notes)


def _parts_apart(study: Study, results: Sequence[StudyResult]) -> list[str]:
    """Parts that the given clips lack, and those that lack a class."""
    notes = []
    runs = [result.honest for result in results if result.honest]
    for part in study.shown_parts if runs else ():
        found = [scores for scores in (scores_of(run, part) for run in runs) if scores is not None]
        if not found:
            notes.append(f"{part_word(part)}: no clip of it was given.")
        lacking = sorted({name for one in found for name in getattr(one, "skipped", ())})
        if lacking:
            notes.append(
                f"{part_word(part)}: no clip is {', '.join(lacking)}, so UF1 and UAR are means "
                "over the other classes."
            )
    return notes


def _flags(study: Study, results: Sequence[StudyResult]) -> list[str]:
    """Describe what is wrong with printed numbers, and what else the paper prints for a row."""
    flags: list[str] = []
    others: dict[str, list[str]] = {}
    found = [
        (_label(study, result, part), published)
        for part in study.shown_parts
        for result in results
        if (published := study.published(result.row, part)) is not None
    ]
    if any((published.uar or 0) > 1 for _, published in found):
        flags.append(f"(!) {IMPOSSIBLE}.")
    for label, published in found:
        note = published.note.replace("UAR above 1 is impossible", "").removeprefix("; ")
        if note:
            others.setdefault(note, []).append(label)
    return flags + [f"Printed for {'; '.join(labels)}: {note}." for note, labels in others.items()]


def _label(study: Study, result: StudyResult, part: str) -> str:
    of = f", {part_word(part)}" if len(study.shown_parts) > 1 else ""
    return f"{result.row.label}{of}"
