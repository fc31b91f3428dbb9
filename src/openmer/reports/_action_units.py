"""The table of action units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from openmer.evaluation import UnitScores, audit_sentence
from openmer.reports._rows import interval_text, score
from openmer.reports._table import Table


def unit_corpora_table(title: str, corpora: Mapping[str, UnitScores]) -> Table:
    """Write the mean over units of each corpus, and the mean over corpora last, as a table.

    Args:
        title: Of the method.
        corpora: From `openmer.evaluation.score_units_by_corpus`.
    """
    each = [(s.f1_present.value, s.f1_macro.value) for s in corpora.values()]
    means = tuple(sum(column) / len(each) for column in zip(*each, strict=True))
    rows = tuple(
        (name, str(s.clips), *map(score, own))
        for (name, s), own in zip(corpora.items(), each, strict=True)
    )
    last = ("mean", "", *map(score, means))
    columns = ("Corpus", "Clips", "F1 present", "Macro F1")
    return Table(f"{title}, each corpus by itself", columns, (*rows, last), (), "lrrr")


def unit_table(
    title: str, scores: Sequence[UnitScores], states: Mapping[str, str] | None = None
) -> Table:
    """Write the scores of units, and their mean last, as a table.

    Args:
        title: Of the method.
        scores: From `openmer.evaluation.score_units`.
        states: What the audit says of the run of each unit, by the unit's name; None where
            there is no run.
    """
    leveled = any(one.icc is not None for one in scores)
    rows = tuple(
        (
            f"AU{one.unit}" if one.unit else "mean",
            f"{one.present} of {one.clips}" if one.unit else str(one.clips),
            score(one.f1_present.value),
            interval_text(one.f1_present),
            score(one.f1_macro.value),
            interval_text(one.f1_macro),
            score(one.auc),
            *((score(one.icc),) if leveled else ()),
        )
        for one in scores
    )
    columns = ("Unit", "Present", "F1 present", "95 %", "Macro F1", "95 %", "AUC")
    columns, align = (*columns, *(("ICC",) if leveled else ())), "lrrlrlr" + "r" * leveled
    note = (
        "F1 present is that of the clips that show the unit; macro F1 is the mean of that and of "
        "F1 of the others, which is higher where few clips show a unit. Papers print either."
    )
    notes = (note, audit_sentence(states)) if states else (note,)
    return Table(title, columns, rows, notes, align)
