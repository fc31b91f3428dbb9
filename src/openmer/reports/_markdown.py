"""The report as GitHub Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from openmer.reports import _report_tables as tables
from openmer.reports._published import CAUTION, NOT_COMPOSITE
from openmer.reports._rows import (
    INTERVAL_MEANS,
    LEAKY,
    LEAKY_MEANS,
    Run,
    corpus_word,
    notes_of,
    ordered,
    row_of,
)
from openmer.reports._table import escape_markdown, markdown_table


def render_markdown(runs: Sequence[Run], left_out: Sequence[str] = ()) -> str:
    """Headline, what the leak is worth, corpora, classes and published numbers as Markdown.

    Args:
        runs: At least one.
        left_out: Why runs beside them are not in the tables, one text each.

    Raises:
        DataError: There is no run, or a record does not fit its scores.
    """
    runs = ordered(runs)
    rows = [row_of(*run) for run in runs]
    blocks = ["# OpenMER evaluation", markdown_table(tables.headline_table(rows))]
    blocks += [f"**Data.** {escape_markdown(note)}" for note in notes_of(rows)]
    blocks += [INTERVAL_MEANS, "## Further scores", markdown_table(tables.further_table(rows))]
    if any(row.leaky for row in rows):
        blocks.append(f"**{LEAKY}.** {LEAKY_MEANS}")
    leak = tables.leak_table(runs)
    if leak is not None:
        blocks += ["## What the leak is worth", markdown_table(leak)]
    blocks += ["## Corpora", markdown_table(tables.corpora_table(runs)), *_confusions(runs)]
    blocks += ["## Classes", markdown_table(tables.classes_table(runs)), "## Published numbers"]
    published = tables.published_table(runs)
    blocks += [NOT_COMPOSITE] if published is None else [markdown_table(published), CAUTION]
    if left_out:
        listed = "\n".join(f"- {escape_markdown(text)}" for text in left_out)
        blocks += ["## Runs that are not in this report", listed]
    return "\n\n".join(blocks) + "\n"


def _confusions(runs: Sequence[Run]) -> list[str]:
    """Write what was taken for what, for each corpus of a run; counts per seed."""
    blocks = ["## What was taken for what", "Rows: truth. Columns: prediction. Clips per seed."]
    for info, summary in runs:
        label = escape_markdown(row_of(info, summary).label)
        for corpus, part in summary.parts.items():
            blocks.append(f"**{label}, {corpus_word(corpus)}**")
            blocks.append(markdown_table(tables.confusion_table(part)))
    return blocks
