"""The report as GitHub Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from openmer.reports._published import CAUTION, NOT_COMPOSITE, composite_results
from openmer.reports._rows import (
    INTERVAL_MEANS,
    LEAKY,
    LEAKY_MEANS,
    RULE_WORDS,
    Row,
    Run,
    composite_runs,
    corpus_word,
    interval_text,
    large_number,
    leak_rows,
    notes_of,
    ordered,
    row_of,
    score,
    titles,
)
from openmer.reports._table import Cell, Marked, Table, escape_markdown, markdown_table


def render_markdown(runs: Sequence[Run]) -> str:
    """Headline, what the leak is worth, corpora, classes and published numbers as Markdown.

    Raises:
        DataError: There is no run, or a record does not fit its scores.
    """
    runs = ordered(runs)
    rows = [row_of(*run) for run in runs]
    blocks = ["# OpenMER evaluation", _headline(rows)]
    blocks += [f"**Data.** {escape_markdown(note)}" for note in notes_of(rows)]
    blocks += [INTERVAL_MEANS, "## Further scores", _further(rows)]
    if any(row.leaky for row in rows):
        blocks.append(f"**{LEAKY}.** {LEAKY_MEANS}")
    if leak_rows(runs):
        blocks += ["## What the leak is worth", _leaks(runs)]
    blocks += ["## Corpora", _parts(runs), *_confusions(runs), "## Classes", _classes(runs)]
    blocks += ["## Published numbers", *_published(runs)]
    return "\n\n".join(blocks) + "\n"


def _headline(rows: Sequence[Row]) -> str:
    return _table(
        [
            "Method",
            "Epoch rule",
            "Protocol",
            *titles(main=True).values(),
            "Seeds",
            "Weights",
            "Time",
        ],
        [
            [
                row.title,
                row.rule,
                _mark(row),
                *(" ".join(_shown(row, name)) for name in titles(main=True)),
                row.seeds,
                row.parameters,
                row.time,
            ]
            for row in rows
        ],
    )


def _further(rows: Sequence[Row]) -> str:
    names = titles(main=False)
    return _table(
        ["Method", "Epoch rule", "Protocol", *names.values()],
        [
            [row.title, row.rule, _mark(row), *(" ".join(_shown(row, name)) for name in names)]
            for row in rows
        ],
    )


def _shown(row: Row, name: str) -> Iterable[str]:
    found = row.scores[name]
    return (part for part in (found.value, found.spread, f"({found.interval})") if part)


def _leaks(runs: Sequence[Run]) -> str:
    return _table(
        ["Method", "Last epoch", "Inner subjects", f"Held-out subject ({LEAKY})", "Leaky gains"],
        [
            [leak.title, leak.fixed, leak.inner, leak.held_out, leak.gain]
            for leak in leak_rows(runs)
        ],
    )


def _parts(runs: Sequence[Run]) -> str:
    return _table(
        ["Run", "Corpus", "Clips", "Subjects", *titles(main=True).values(), "Classes it lacks"],
        [
            [
                row_of(info, summary).label,
                corpus_word(corpus),
                str(part.clips),
                str(part.subjects),
                *(
                    f"{score(part.scores[name].value)} ({interval_text(part.scores[name])})"
                    for name in titles(main=True)
                ),
                ", ".join(part.skipped),
            ]
            for info, summary in runs
            for corpus, part in summary.parts.items()
        ],
    )


def _confusions(runs: Sequence[Run]) -> list[str]:
    """Draw what was taken for what, for each corpus of a run; counts per seed."""
    blocks = ["## What was taken for what", "Rows: truth. Columns: prediction. Clips per seed."]
    for info, summary in runs:
        for corpus, part in summary.parts.items():
            blocks.append(
                f"**{escape_markdown(row_of(info, summary).label)}, {corpus_word(corpus)}**"
            )
            rows = zip(part.classes, part.confusion_mean, strict=True)
            blocks.append(
                _table(
                    ["", *part.classes],
                    [[name, *(f"{count:.3g}" for count in counts)] for name, counts in rows],
                )
            )
    return blocks


def _classes(runs: Sequence[Run]) -> str:
    return _table(
        ["Run", "Class", "Clips", "Precision", "Recall", "F1"],
        [
            [
                row_of(info, summary).label,
                found.name,
                str(found.support),
                score(found.precision),
                score(found.recall),
                score(found.f1),
            ]
            for info, summary in runs
            for found in summary.per_class
        ],
    )


def _published(runs: Sequence[Run]) -> list[str]:
    ours = [(row_of(*run), run[1]) for run in composite_runs(runs)]
    if not ours:
        return [NOT_COMPOSITE]
    lines = [
        (
            summary.uf1,
            [
                f"{row.label}, this report",
                score(summary.uf1),
                score(summary.scores["uar"].value),
                *_rest,
            ],
        )
        for row, summary in ours
        for _rest in [[row.parameters, row.rule, ""]]
    ]
    for found in composite_results():
        rule = RULE_WORDS.get(found.epoch_rule, found.epoch_rule)
        cells = [found.method, score(found.uf1), score(found.uar), large_number(found.parameters)]
        printed = f"{found.source}, table {found.table}"
        note = "; ".join(part for part in (printed, found.note) if part)
        lines.append((found.uf1 or 0.0, [*cells, rule, note]))
    lines.sort(key=lambda line: -line[0])
    headings = ["Method", "UF1", "UAR", "Weights", "Epoch rule", "Printed in, notes"]
    return [_table(headings, [cells for _, cells in lines]), CAUTION]


def _mark(row: Row) -> Cell:
    return Marked(row.mark, "badge") if row.leaky else row.mark


def _table(headings: Iterable[str], rows: Iterable[Iterable[Cell]]) -> str:
    return markdown_table(Table("", tuple(headings), tuple(map(tuple, rows))))
