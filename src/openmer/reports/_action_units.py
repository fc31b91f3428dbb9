"""The table of action units."""

from __future__ import annotations

from collections.abc import Sequence

from openmer.evaluation import UnitScores
from openmer.reports._rows import interval_text, score
from openmer.reports._table import Table


def unit_table(title: str, scores: Sequence[UnitScores]) -> Table:
    """Write the scores of units, and their mean last, as a table.

    Args:
        title: Of the method.
        scores: From `openmer.evaluation.score_units`.
    """
    rows = tuple(
        (
            f"AU{one.unit}" if one.unit else "mean",
            f"{one.present} of {one.clips}" if one.unit else str(one.clips),
            score(one.f1_present.value),
            interval_text(one.f1_present),
            score(one.f1_macro.value),
            interval_text(one.f1_macro),
            score(one.auc),
        )
        for one in scores
    )
    columns = ("Unit", "Present", "F1 present", "95 %", "Macro F1", "95 %", "AUC")
    note = (
        "F1 present is that of the clips that show the unit; macro F1 is the mean of that and of "
        "F1 of the others, which is higher where few clips show a unit. Papers print either."
    )
    return Table(title, columns, rows, (note,), "lrrlrlr")
