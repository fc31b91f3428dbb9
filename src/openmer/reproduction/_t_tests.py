"""Printed t-tests worked out again from printed scores, and sound tests between runs of ours.

A paper that compares two methods by a t-test over a handful of printed scores has no clip and no
subject in its test. `t_test_table` shows what such p-values rest on, `run_table` what two runs on
the same clips say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from openmer.errors import ConfigError, DataError, ProtocolError
from openmer.evaluation import (
    METRICS,
    Comparison,
    RunInfo,
    Summary,
    compare_runs,
    on_clips,
    read_run,
)
from openmer.reports import Table, printed_records
from openmer.reproduction._paired_t import paired_t_test
from openmer.reproduction._report import epoch_rule, rows_apart, rows_not_run, study_title
from openmer.reproduction._run_study import StudyResult
from openmer.reproduction._study import WHOLE, Study

_NONE = "-"
_LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedTTest:
    """A p-value that a paper prints for a t-test between two methods.

    Attributes:
        source: The paper, a key of `openmer.reports._published.SOURCES`.
        score: "uf1", "uar" or "accuracy".
        method: The method that is compared.
        against: The other one.
        p_value: As printed, with all its digits.
    """

    source: str
    score: str
    method: str
    against: str
    p_value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TTestAgain:
    """A printed t-test, worked out again from the printed scores.

    Attributes:
        printed: What the paper prints.
        p_value: One-sided, over all printed parts, the whole set among them: the paper's form.
        two_sided: The same without taking the sign for granted.
        corpora_alone: Two-sided, without the whole set, which holds the corpora's clips again.
        match: "rounded" or "cut off" where the printed digits come of `p_value` in that way;
            empty where they do not.
    """

    printed: PrintedTTest
    p_value: float
    two_sided: float
    corpora_alone: float
    match: str


@cache
def printed_t_tests() -> tuple[PrintedTTest, ...]:
    """Every printed p-value that comes with the package, in the order of its table."""
    return printed_records(PrintedTTest, "openmer.reproduction", "published_t_tests.csv")


def t_tests_again(study: Study) -> list[TTestAgain]:
    """Compute the t-tests that a study's paper prints, from the scores that its tables print.

    Raises:
        ConfigError: A score that such a test needs is not in the list of printed numbers.
    """
    printed = [found for found in printed_t_tests() if found.source == study.source]
    return [_again(study, found) for found in printed if found.score in study.scores]


def t_test_table(study: Study) -> Table:
    """Build the table of a study's printed p-values beside those computed again."""
    again = t_tests_again(study)
    rows = tuple(
        (
            found.printed.against,
            METRICS[found.printed.score].title,
            found.printed.p_value,
            f"{found.p_value:.4f}",
            found.match or "no",
            f"{found.two_sided:.4f}",
            f"{found.corpora_alone:.4f}",
        )
        for found in again
    )
    columns = ("against", "score", "p, printed", "p, again", "match", "two-sided", "corpora")
    notes = (*[study.note] * bool(study.note), *_counted(again))
    return Table(study_title(study), columns, rows, notes)


def run_table(results: Sequence[StudyResult]) -> Table:
    """Our run of a study's first row against the other rows' runs, on the clips both have.

    Args:
        results: One per row, from `openmer.reproduction.run_study`.
    """
    method, *others = results
    columns = (
        "",
        "UF1, ours",
        "epoch rule",
        "difference",
        "p by subject",
        "only first right",
        "only it right",
        "p by clip",
        "t-test",
    )
    rows: list[tuple[str, ...]] = [(*_run_cells(method), *[_NONE] * 6)]
    notes: list[str] = []
    for other in others:
        if other.honest is None:
            continue
        cells = [_NONE] * 6
        if method.honest is not None:
            cells, note = _compared(method, other)
            notes += [f"{other.row.label}: {note}"] * bool(note)
        rows.append((*_run_cells(other), *cells))
    notes = [*rows_not_run(results), *rows_apart(results), *notes, *_HOW]
    title = f"{method.row.label} against the other rows, in runs of ours"
    return Table(title, columns, tuple(rows), tuple(notes))


_HOW = (
    "difference: UF1 of the first row minus that of the line. p by subject: subject bootstrap, "
    "both runs drawn with the same ones; trust it first. p by clip: McNemar's exact test on the "
    "clips that only one of the two gets right; it takes clips of one subject as independent.",
    "t-test: the paper's form of test on our own UF1 of all clips and of each corpus. It is there "
    "to be compared, not to be believed.",
)


def _again(study: Study, printed: PrintedTTest) -> TTestAgain:
    parts = study.shown_parts
    first = [_printed_score(study, printed.method, part, printed.score) for part in parts]
    second = [_printed_score(study, printed.against, part, printed.score) for part in parts]
    alone = [i for i, part in enumerate(parts) if part != WHOLE]
    p_value = paired_t_test(first, second, alternative="greater").p_value
    return TTestAgain(
        printed=printed,
        p_value=p_value,
        two_sided=paired_t_test(first, second).p_value,
        corpora_alone=paired_t_test([first[i] for i in alone], [second[i] for i in alone]).p_value,
        match=_match(printed.p_value, p_value),
    )


def _printed_score(study: Study, method: str, part: str, score: str) -> float:
    rows = [row for row in study.rows if row.published == method]
    published = study.published(rows[0], part) if rows else None
    value = None if published is None else getattr(published, score)
    if value is None:
        raise ConfigError(
            f"{study.name} compares {method}, but the list of printed numbers has no "
            f"{METRICS[score].title} of it on {part!r} in table {' or '.join(study.tables)}. Add a "
            "row that has it as `published`, or the number."
        )
    return float(value)


def _match(printed: str, p_value: float) -> str:
    """How the printed digits come of a p-value: "rounded", "cut off", or not at all ("")."""
    digits = len(printed.partition(".")[2])
    if f"{p_value:.{digits}f}" == printed:
        return "rounded"
    cut = int(p_value * 10**digits) / 10**digits
    return "cut off" if f"{cut:.{digits}f}" == printed else ""


def _counted(again: Sequence[TTestAgain]) -> list[str]:
    """How many printed p-values are met, and what is left of the small ones."""
    small = [found for found in again if float(found.printed.p_value) < _LEVEL]
    two_sided = sum(found.two_sided < _LEVEL for found in small)
    alone = sum(found.corpora_alone < _LEVEL for found in small)
    matches = [found.match for found in again]
    return [
        f"{len(again) - matches.count('')} of {len(again)} printed p are those of a paired, "
        "one-sided t-test over the printed scores of all parts, the whole set among them: "
        f"{matches.count('rounded')} rounded, {matches.count('cut off')} cut off. two-sided: the "
        "same without taking the direction for granted. corpora: two-sided, without the whole set.",
        f"Of the {len(small)} printed p below {_LEVEL}, {two_sided} stay below it two-sided, and "
        f"{alone} over the corpora alone. No p is corrected for {len(again)} tests.",
    ]


def _run_cells(result: StudyResult) -> tuple[str, str, str]:
    if result.honest is None:
        return result.row.label, _NONE, _NONE
    return result.row.label, f"{result.honest[1].uf1:.3f}", epoch_rule(result.honest)


def _compared(method: StudyResult, other: StudyResult) -> tuple[list[str], str]:
    """Cells of one comparison, and what to know of it."""
    try:
        found, clips = _on_common_clips(method, other)
    except (DataError, ProtocolError) as error:
        return [_NONE] * 6, f"not compared. {error}"
    cells = [
        f"{found.difference:+.3f} ({found.interval.low:+.3f} to {found.interval.high:+.3f})",
        f"{found.p_value:.4f}",
        str(found.mcnemar.only_first),
        str(found.mcnemar.only_second),
        f"{found.mcnemar.p_value:.4f}",
        _in_the_papers_form(method.honest, other.honest),
    ]
    larger = max(run[0].clips for run in (method.honest, other.honest) if run)
    note = "" if clips == larger else f"compared on the {clips} clips that both runs have."
    return cells, note


def _on_common_clips(method: StudyResult, other: StudyResult) -> tuple[Comparison, int]:
    """Compute the sound tests between two runs, and count their common clips."""
    tables = [
        read_run(result.folder, seeds=result.honest[0].seeds)
        for result in (method, other)
        if result.folder is not None and result.honest is not None
    ]
    common = set(tables[0].clips) & set(tables[1].clips)
    first, second = (on_clips(table, common) for table in tables)
    return compare_runs(first, second), len(common)


def _in_the_papers_form(
    first: tuple[RunInfo, Summary] | None, second: tuple[RunInfo, Summary] | None
) -> str:
    """Compute p of a paired, one-sided t-test over UF1 on all clips and on each corpus."""
    if first is None or second is None:
        return _NONE
    both = sorted(first[1].parts.keys() & second[1].parts.keys())
    numbers = [[run[1].uf1, *(run[1].parts[part].uf1 for part in both)] for run in (first, second)]
    if len(both) < 2:
        return _NONE
    try:
        return f"{paired_t_test(numbers[0], numbers[1], alternative='greater').p_value:.4f}"
    except DataError:
        return _NONE
