"""Differences that a paper's prose prints ("+0.45 %"), beside ours with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from openmer.errors import DataError
from openmer.evaluation import METRICS, Estimate, read_run, score_differences
from openmer.reports import Table, printed_records
from openmer.reproduction._run_study import StudyResult
from openmer.reproduction._study import WHOLE, Study, part_word

_NOTE = (
    "Each line is the first row minus the second. Ours has a 95 % interval by subjects, both runs "
    "drawn with the same subjects; where it holds 0, the order of the two rows is not known."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedDifference:
    """A difference between two rows of a table that the prose of its paper prints.

    Attributes:
        study: Name of the study that has both rows.
        first: Label of the row that is ahead in the text, up to its colon.
        second: Label of the other row, up to its colon.
        part: "full", or the corpus.
        score: Name of the metric.
        difference: First minus second, a fraction.
    """

    study: str
    first: str
    second: str
    part: str
    score: str
    difference: float


@cache
def printed_differences() -> tuple[PrintedDifference, ...]:
    """Read every printed difference, in the order of the text."""
    name = "published_differences.csv"
    return printed_records(PrintedDifference, "openmer.reproduction", name)


def difference_tables(study: Study, results: Sequence[StudyResult]) -> list[Table]:
    """Build the table of a study's printed differences; none where the prose prints none.

    Args:
        study: The study.
        results: One per row, from `run_study`.
    """
    printed = [one for one in printed_differences() if one.study == study.name]
    if not printed:
        return []
    by_label = {result.row.label.partition(":")[0]: result for result in results}
    rows = tuple(
        (
            f"{one.first} - {one.second}",
            part_word(one.part),
            METRICS[one.score].title,
            f"{one.difference:+.4f}",
            _ours(one, by_label.get(one.first), by_label.get(one.second)),
        )
        for one in printed
    )
    columns = ("rows", "clips", "score", "printed", "ours")
    return [Table(f"{study.title}: differences that the text prints", columns, rows, (_NOTE,))]


def _ours(printed: PrintedDifference, first: StudyResult | None, second: StudyResult | None) -> str:
    """Write our difference with its interval, or "-"."""
    if first is None or second is None or first.honest is None or second.honest is None:
        return "-"
    tables = [read_run(one.folder) for one in (first, second) if one.folder is not None]
    try:
        found = score_differences(*tables, corpus="" if printed.part == WHOLE else printed.part)
    except DataError:
        return "-"
    return _written(found[printed.score])


def _written(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:+.3f}"
    return f"{estimate.value:+.3f} ({estimate.low:+.3f} to {estimate.high:+.3f})"
