"""The report as LaTeX tables for a paper, with booktabs."""

from __future__ import annotations

from collections.abc import Sequence

from openmer.evaluation import Part
from openmer.reports._rows import (
    HONEST,
    INTERVAL_MEANS,
    LEAKY,
    LEAKY_MEANS,
    Row,
    Run,
    corpus_word,
    interval_text,
    notes_of,
    ordered,
    row_of,
    score,
    titles,
)
from openmer.reports._table import Cell, Marked, Table, latex_table

_CAPTION = "Leave-one-subject-out scores, pooled over folds."
_OTHER_CAPTION = "Scores, pooled over folds."
_FIRST = ("Method", "Epoch rule", "Protocol")


def render_latex(runs: Sequence[Run]) -> str:
    r"""Write tables of all data and of every corpus; a paper needs ``\usepackage{booktabs}``.

    Raises:
        DataError: There is no run, or a record does not fit its scores.
    """
    runs = ordered(runs)
    rows = [row_of(*run) for run in runs]
    notes = tuple(notes_of(rows))
    if any(row.leaky for row in rows):
        notes = (f"{LEAKY}: {LEAKY_MEANS}", *notes)
    main, further = tuple(titles(main=True).values()), tuple(titles(main=False).values())
    headline = Table(
        _CAPTION if all(info.protocol == "loso" for info, _ in runs) else _OTHER_CAPTION,
        (*_FIRST, *main, "Weights"),
        tuple((*_scores(row, main=True), row.parameters) for row in rows),
        (INTERVAL_MEANS, *notes),
        "lll" + "l" * len(main) + "r",
    )
    others = Table(
        "Further scores of the same predictions.",
        (*_FIRST, *further),
        tuple(_scores(row, main=False) for row in rows),
        notes,
    )
    parts = Table(
        "Scores of every corpus, from the same predictions.",
        (*_FIRST, "Corpus", "Clips", "UF1", "UAR"),
        tuple(
            _part_cells(row, name, part)
            for row, (_, summary) in zip(rows, runs, strict=True)
            for name, part in summary.parts.items()
        ),
        notes,
        "llllrll",
    )
    tables = (
        latex_table(headline, "tab:openmer"),
        latex_table(others, "tab:openmer-further"),
        latex_table(parts, "tab:openmer-corpora"),
    )
    return "\n".join([r"% Needs \usepackage[T1]{fontenc} and \usepackage{booktabs}.", *tables])


def _scores(row: Row, *, main: bool) -> tuple[Cell, ...]:
    found = [row.scores[name] for name in titles(main=main)]
    return (*_run_cells(row), *((one.value, one.spread, f"({one.interval})") for one in found))


def _part_cells(row: Row, corpus: str, part: Part) -> tuple[Cell, ...]:
    found = [part.scores[name] for name in ("uf1", "uar")]
    scores = [f"{score(one.value)} ({interval_text(one)})" for one in found]
    return (*_run_cells(row), corpus_word(corpus), str(part.clips), *scores)


def _run_cells(row: Row) -> tuple[Cell, ...]:
    return (row.title, row.rule, Marked(LEAKY, "badge") if row.leaky else HONEST)
