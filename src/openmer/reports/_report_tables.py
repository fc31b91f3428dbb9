"""The tables of a report, each made once: HTML and Markdown only write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from openmer.evaluation import Part, RunInfo, Summary
from openmer.reports._charts import best_first
from openmer.reports._published import PublishedResult, composite_results
from openmer.reports._rows import (
    LEAKY,
    RULE_WORDS,
    Row,
    Run,
    composite_runs,
    corpus_word,
    interval_text,
    large_number,
    leak_rows,
    plain,
    row_of,
    score,
    titles,
)
from openmer.reports._table import Cell, Marked, Table

_PARTS = ("smic", "casme2", "samm")
Lines = list[tuple[Cell, ...]]


def headline_table(rows: Sequence[Row]) -> Table:
    """Build the table of the main scores of every run."""
    main = titles(main=True)
    return Table(
        "",
        ("Method", "Epoch rule", "Protocol", *main.values(), "Seeds", "Weights", "Time"),
        tuple((*_run_cells(row, main), row.seeds, row.parameters, row.time) for row in rows),
        align="lll" + "r" * (len(main) + 3),
    )


def further_table(rows: Sequence[Row]) -> Table:
    """Build the table of all other scores of every run."""
    names = titles(main=False)
    columns = ("Method", "Epoch rule", "Protocol", *names.values())
    return Table(
        "", columns, tuple(_run_cells(row, names) for row in rows), align=_right(columns, 3)
    )


def leak_table(runs: Sequence[Run]) -> Table | None:
    """Build the table of what a leak is worth; None where no method was run both ways."""
    columns = (
        "Method",
        "Last epoch",
        "Inner subjects",
        f"Held-out subject ({LEAKY})",
        "Leaky gains",
    )
    rows = tuple(
        (
            leak.title,
            leak.fixed,
            leak.inner,
            Marked(leak.held_out, "leaky"),
            Marked(leak.gain, "strong"),
        )
        for leak in leak_rows(runs)
    )
    return Table("", columns, rows, align=_right(columns)) if rows else None


def corpora_table(runs: Sequence[Run]) -> Table:
    """Build the table of scores by corpus; of several runs each row begins with its run."""
    columns = ("Corpus", "Clips", "Subjects", *titles(main=True).values(), "Classes it lacks")
    lacks = any(part.skipped for _, summary in runs for part in summary.parts.values())
    used = len(columns) if lacks else len(columns) - 1

    def lines(info: RunInfo, summary: Summary) -> Lines:
        parts = summary.parts.items()
        return [_part_cells(name, part, leaky=info.leaky)[:used] for name, part in parts]

    return _by_run(runs, columns[:used], lines, text=int(lacks))


def classes_table(runs: Sequence[Run]) -> Table:
    """Build the table of precision, recall and F1 by class, as `corpora_table`."""

    def lines(_: RunInfo, summary: Summary) -> Lines:
        return [
            (
                plain(found.name), str(found.support), score(found.precision), score(found.recall),
                Marked(score(found.f1), "strong"),
            )
            for found in summary.per_class
        ]  # fmt: skip

    return _by_run(runs, ("Class", "Clips", "Precision", "Recall", "F1"), lines)


def seeds_table(summary: Summary) -> Table:
    """Build the table of the scores of every seed."""
    main = titles(main=True)
    rows = tuple(
        (str(seed), *(score(found[name]) for name in main))
        for seed, found in zip(summary.seeds, summary.per_seed, strict=True)
    )
    columns = ("Seed", *main.values())
    return Table("", columns, rows, align=_right(columns))


def subjects_table(summary: Summary) -> Table:
    """Build the table of all subjects, the best first."""
    rows = tuple(
        (plain(one.subject_id), str(one.clips), f"{one.correct:.3g}", f"{100 * one.accuracy:.0f} %")
        for one in best_first(summary.by_subject)
    )
    return Table("", ("Subject", "Clips", "Right", "Share"), rows, align="lrrr")


def failures_table(info: RunInfo) -> Table:
    """Build the table of the clips that could not be prepared."""
    keys = ("clip", "step", "reason")
    rows = tuple(tuple(plain(failure[key]) for key in keys) for failure in info.failures)
    return Table("", ("Clip", "Step", "Reason"), rows)


def confusion_table(part: Part) -> Table:
    """Build a confusion matrix as a table: rows the truth, columns the prediction."""
    rows = zip(part.classes, part.confusion_mean, strict=True)
    cells = tuple((name, *(f"{count:.3g}" for count in counts)) for name, counts in rows)
    return Table("", ("", *part.classes), cells, align="l" + "r" * len(part.classes))


def published_table(runs: Sequence[Run]) -> Table | None:
    """Build the table of our runs among published numbers; None where none is on their task."""
    ours = composite_runs(runs)
    return printed_table(ours) if ours else None


def printed_table(ours: Sequence[Run] = ()) -> Table:
    """Build the table of what papers print of the composite, with runs of ours among it."""
    parts = {part: composite_results(part) for part in _PARTS}
    lines = [(found.uf1 or 0.0, _published_cells(found, parts)) for found in composite_results()]
    lines += [(summary.uf1, _our_cells(info, summary)) for info, summary in ours]
    words = [f"{corpus_word(part)} UF1" for part in _PARTS]
    columns = ("Method", "UF1", "UAR", *words, "Weights", "Epoch rule", "Printed in, notes")
    return Table(
        "MEGC 2019 composite, three classes, highest UF1 first.",
        columns,
        tuple(cells for _, cells in sorted(lines, key=lambda line: -line[0])),
        align="lrrrrrrll",
    )


def _right(columns: Sequence[str], text: int = 1) -> str:
    """Align all but the first columns to the right."""
    return "l" * text + "r" * (len(columns) - text)


def _by_run(
    runs: Sequence[Run],
    columns: tuple[str, ...],
    lines: Callable[[RunInfo, Summary], Lines],
    text: int = 0,
) -> Table:
    """Put the lines of several runs below each other; the last `text` columns hold words."""
    align = _right(columns[: len(columns) - text]) + "l" * text
    if len(runs) == 1:
        return Table("", columns, tuple(lines(*runs[0])), align=align)
    rows = tuple((row_of(*run).label, *line) for run in runs for line in lines(*run))
    return Table("", ("Run", *columns), rows, align="l" + align)


def _run_cells(row: Row, names: dict[str, str]) -> tuple[Cell, ...]:
    return (row.title, row.rule, _mark(row), *(_score_cell(row, name) for name in names))


def _mark(row: Row) -> Cell:
    return Marked(row.mark, "badge" if row.leaky else "quiet")


def _score_cell(row: Row, name: str) -> Cell:
    found = row.scores[name]
    value = Marked(found.value, "leaky" if row.leaky else "strong")
    return (value, found.spread, Marked(f"({found.interval})", "quiet"))


def _part_cells(name: str, part: Part, *, leaky: bool) -> tuple[Cell, ...]:
    scores: list[Cell] = [
        (
            Marked(score(part.scores[metric].value), "leaky" if leaky else "strong"),
            Marked(f"({interval_text(part.scores[metric])})", "quiet"),
        )
        for metric in titles(main=True)
    ]
    lacks = ", ".join(plain(skipped) for skipped in part.skipped)
    return (corpus_word(name), str(part.clips), str(part.subjects), *scores, lacks)


def _published_cells(
    found: PublishedResult, parts: dict[str, tuple[PublishedResult, ...]]
) -> tuple[Cell, ...]:
    by_part = [
        score(next((one.uf1 for one in parts[part] if one.method == found.method), None))
        for part in _PARTS
    ]
    is_leaky = found.epoch_rule == "held_out"
    rule: Cell = RULE_WORDS.get(found.epoch_rule, found.epoch_rule)
    return (
        found.method,
        Marked(score(found.uf1), "strong"),
        score(found.uar),
        *by_part,
        large_number(found.parameters),
        (str(rule), Marked(LEAKY, "badge")) if is_leaky else rule,
        (f"{found.source}, table {found.table}", Marked(found.note, "quiet")),
    )


def _our_cells(info: RunInfo, summary: Summary) -> tuple[Cell, ...]:
    row = row_of(info, summary)
    return (
        Marked(row.title, "ours"),
        Marked(score(summary.uf1), "leaky" if row.leaky else "strong"),
        score(summary.scores["uar"].value),
        *(score(summary.parts[part].uf1) for part in _PARTS),
        row.parameters,
        (row.rule, Marked(LEAKY, "badge")) if row.leaky else row.rule,
        Marked("this report", "ours"),
    )
