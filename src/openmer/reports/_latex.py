"""The report as LaTeX tables for a paper, with booktabs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    plain,
    row_of,
    score,
    titles,
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
    r"""Write tables of all data and of every corpus; a paper needs ``\usepackage{booktabs}``.

    Raises:
        DataError: There is no run, or a record does not fit its scores.
    """
    runs = ordered(runs)
    rows = [row_of(*run) for run in runs]
    leaky = f" {LEAKY}: {LEAKY_MEANS}" if any(row.leaky for row in rows) else ""
    notes = "".join(f" {note}" for note in notes_of(rows))
    pooled = f"Leave-one-subject-out scores, pooled over folds. {INTERVAL_MEANS}"
    return "\n".join(
        [
            r"% Needs \usepackage[T1]{fontenc} and \usepackage{booktabs}.",
            _scores_table(rows, main=True, caption=pooled + leaky + notes, label="tab:openmer"),
            _scores_table(
                rows,
                main=False,
                caption="Further scores of the same predictions." + leaky + notes,
                label="tab:openmer-further",
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
    )


def _scores_table(rows: Sequence[Row], *, main: bool, caption: str, label: str) -> str:
    """Write the main metrics with the number of weights, or the further ones."""
    words = list(map(escape_latex, titles(main=main).values()))
    weights = [[escape_latex(row.parameters)] if main else [] for row in rows]
    return _table(
        ["Method", "Epoch rule", "Protocol", *words, *(["Weights"] if main else [])],
        [_scores(row, main=main) + cell for row, cell in zip(rows, weights, strict=True)],
        columns="lll" + "l" * len(words) + "r" * main,
        caption=caption,
        label=label,
    )


def escape_latex(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_SPECIAL.get(character, character) for character in plain(text))


def _scores(row: Row, *, main: bool) -> list[str]:
    found = [row.scores[name] for name in titles(main=main)]
    texts = [f"{one.value} {one.spread} ({one.interval})" for one in found]
    return [*_run_cells(row), *map(escape_latex, texts)]


def _part_cells(row: Row, corpus: str, part: Part) -> list[str]:
    scores = [
        escape_latex(f"{score(part.scores[name].value)} ({interval_text(part.scores[name])})")
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
