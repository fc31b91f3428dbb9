"""The table of answers to the questions of the challenges."""

from __future__ import annotations

from collections.abc import Mapping

from openmer.evaluation import AnswerScores
from openmer.reports._rows import score
from openmer.reports._table import Table

_COLUMNS = {
    "coarse_uf1": "Coarse UF1", "coarse_uar": "Coarse UAR", "fine_uf1": "Fine UF1",
    "fine_uar": "Fine UAR", "bleu": "BLEU", "rouge1": "ROUGE-1",
}  # fmt: skip


def answers_table(found: Mapping[str, AnswerScores]) -> Table:
    """Write scores of answers as a table.

    Args:
        found: From `openmer.evaluation.score_answers`, by what answered.
    """
    rows = tuple(
        (
            name,
            str(one.questions),
            str(one.unanswered),
            *(score(getattr(one, column)) for column in _COLUMNS),
        )
        for name, one in found.items()
    )
    columns = ("Answered by", "Questions", "Unanswered", *_COLUMNS.values())
    note = "The organisers' program is not public: UF1 and UAR are over the true classes."
    return Table("Answers", columns, rows, (note,), "lrrrrrrrr")
