"""The report as LaTeX tables for a paper, with booktabs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from openmer.evaluation import SCORES, PartScores
from openmer.reports._rows import (
    HONEST,
    INTERVAL_MEANS,
    LEAKY,
    LEAKY_MEANS,
    SCORE_WORDS,
    Row,
    Run,
    corpus_word,
    interval_text,
    notes_of,
    ordered,
    plain,
    row_of,
    score,
)

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    # At the start of a row, after \\, these would be read as its options.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "\N{EN DASH}": "--",
    "\N{MINUS SIGN}": "$-$",
    "±": r"$\pm$",
    **{special: "\\" + special for special in "&%$#_{}"},
}


def render_latex(runs: Sequence[Run]) -> str:
    r"""Two tables, of all data and of every corpus; the paper needs ``\usepackage{booktabs}``.

    Raises:
        DataError: There is no run, or a record does not fit its scores.
    """
    runs = ordered(runs)
    rows = [row_of(*run) for run in runs]
    leaky = f" {LEAKY}: {LEAKY_MEANS}" if any(row.leaky for row in rows) else ""
    notes = "".join(f" {note}" for note in notes_of(rows))
    tables = [
        r"% Needs \usepackage[T1]{fontenc} and \usepackage{booktabs}.",
        _table(
            ["Method", "Epoch rule", "Protocol", *SCORE_WORDS.values(), "Weights"],
            [_headline_cells(row) for row in rows],
            columns="llllllr",
            caption="Leave-one-subject-out scores, pooled over folds. "
            + INTERVAL_MEANS
            + leaky
            + notes,
            label="tab:openmer",
        ),
        _table(
            ["Method", "Epoch rule", "Protocol", "Corpus", "Clips", "UF1", "UAR"],
            [
                _part_cells(row, name, part)
                for row, (_, summary) in zip(rows, runs, strict=True)
                for name, part in summary.parts.items()
            ],
            columns="llllrll",
            caption="Scores of every corpus, from the same predictions." + leaky + notes,
            label="tab:openmer-corpora",
        ),
    ]
    return "\n".join(tables)


def escape_latex(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_SPECIAL.get(character, character) for character in plain(text))


def _headline_cells(row: Row) -> list[str]:
    scores = []
    for name in SCORES:
        found = row.scores[name]
        scores.append(escape_latex(f"{found.value} {found.spread} ({found.interval})"))
    return [*_run_cells(row), *scores, escape_latex(row.parameters)]


def _part_cells(row: Row, corpus: str, part: PartScores) -> list[str]:
    scores = [
        escape_latex(f"{score(getattr(part, name))} ({interval_text(part.interval, name)})")
        for name in ("uf1", "uar")
    ]
    return [*_run_cells(row), escape_latex(corpus_word(corpus)), str(part.clips), *scores]


def _run_cells(row: Row) -> list[str]:
    mark = rf"\textbf{{{LEAKY}}}" if row.leaky else HONEST
    return [escape_latex(row.title), escape_latex(row.rule), mark]


def _table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    columns: str,
    caption: str,
    label: str,
) -> str:
    lines = [
        r"\begin{table}",
        r"  \centering",
        r"  \footnotesize",
        rf"  \caption{{{escape_latex(caption)}}}",
        rf"  \label{{{label}}}",
        rf"  \begin{{tabular}}{{{columns}}}",
        r"    \toprule",
        "    " + " & ".join(headings) + r" \\",
        r"    \midrule",
        *("    " + " & ".join(row) + r" \\" for row in rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)
