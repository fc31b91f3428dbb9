"""Numbers that papers print, for a comparison on the same task only.

The table beside this file was typed from the papers' own tables: scores are fractions, `part` is
"full" or a corpus, `kind` is "ablation" for variants of a paper's own method. `epoch_rule` says how
the training epoch was chosen where the authors' code shows it: "fixed", "held_out" (on the tested
subject), "none" (nothing to choose), else "unknown".
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TypeVar

from pydantic import TypeAdapter

from openmer.evaluation import Summary

T = TypeVar("T")

SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "Efficient-ME (2023)": "Ab Razak and Sahran (2023), Lightweight Micro-Expression "
        "Recognition on Composite Database, Applied Sciences 13, 1846",
        "Dense + mixed attention (2024)": "Gan, Xiao, Zhu, Jain and Štruc (2024), "
        "Transfer-learning enabled micro-expression recognition using dense connections and "
        "mixed attention, Knowledge-Based Systems, 112640",
        "MobileViT + SVM (2022)": "Liu, Li, Yi, Hu, Zhang and Liu (2022), Lightweight ViT Model "
        "for Micro-Expression Recognition Enhanced by Transfer Learning, Frontiers in "
        "Neurorobotics 16",
        "RRMFNet (2026)": "Zhao, Wen and Li (2026), Resizer-Integrated RepGFPN-Based Multi-Scale "
        "Feature Fusion Network with Perturbation Training for MER, Cognitive Computation, "
        "doi 10.1007/s12559-026-10555-0",
    }
)
"""Full reference of every `PublishedResult.source`."""

CAUTION = (
    "Read published numbers with care: how the papers chose their training epoch is mostly "
    "unknown; where authors' code shows it, it is often the best epoch on the held-out subject. In "
    "our re-runs that rule alone was worth +0.06 to +0.16 UF1."
)
NOT_COMPOSITE = (
    "No published numbers are shown: they were made on the MEGC 2019 composite (442 clips of SMIC, "
    "CASME II and SAMM, three classes), and this data is not that composite."
)
COMPOSITE_TASK = "cde-3"
_COMPOSITE_CLIPS = {"casme2": 145, "samm": 133, "smic": 164}
_SAME_PRINT = 0.0051


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedResult:
    """One line of a published table; None where the paper prints nothing.

    Attributes:
        source: The paper that prints it, a key of `SOURCES`; not always the method's own paper.
        table: Number of the table in that paper.
        method: The method's name.
        task: "cde-3" (the MEGC 2019 composite), "sde-5", "sde-3" or "own-3".
        part: "full", or the corpus.
        uf1: Printed UF1, a fraction.
        uar: Printed UAR, a fraction; some are above 1, which is impossible.
        accuracy: Printed accuracy, a fraction.
        parameters: Printed number of weights.
        macs: Printed multiply-accumulates, which the papers call FLOPs.
        epoch_rule: "fixed", "held_out", "none" or "unknown".
        kind: "result" or "ablation".
        note: What to know before comparing.
    """

    source: str
    table: str
    method: str
    task: str
    part: str
    uf1: float | None = None
    uar: float | None = None
    accuracy: float | None = None
    parameters: int | None = None
    macs: int | None = None
    epoch_rule: str
    kind: str
    note: str = ""


@cache
def published_results() -> tuple[PublishedResult, ...]:
    """Every published number that comes with the package, in the order of its table."""
    return printed_records(PublishedResult, "openmer.reports", "published.csv")


def printed_records(kind: type[T], package: str, name: str) -> tuple[T, ...]:
    """Read the lines of a table of printed numbers; an empty cell leaves a field at its default.

    Args:
        kind: The record of a line.
        package: Where the table lies.
        name: Of the CSV file.
    """
    read = TypeAdapter(kind).validate_python
    rows = csv.DictReader(files(package).joinpath(name).read_text(encoding="utf-8").splitlines())
    return tuple(read({key: cell for key, cell in row.items() if cell}) for row in rows)


def is_composite(summary: Summary) -> bool:
    """Whether a run was made on the MEGC 2019 composite: 442 clips of SMIC, CASME II and SAMM."""
    parts = {corpus: part.clips for corpus, part in summary.parts.items()}
    return parts == _COMPOSITE_CLIPS and len(summary.classes) == 3


def composite_results(part: str = "full") -> tuple[PublishedResult, ...]:
    """Return published results on the MEGC 2019 composite that can stand beside a run on it.

    Ablations and lines without UF1 are left out; a method that two papers print with the same
    number is listed once, with the longer print and what the other paper adds. Highest UF1 first.

    Args:
        part: "full", "smic", "casme2" or "samm".
    """
    sizes = {
        (result.source, result.method): result.parameters
        for result in published_results()
        if result.parameters is not None
    }
    found = [
        replace(result, parameters=sizes.get((result.source, result.method)))
        for result in published_results()
        if (result.task, result.part, result.kind) == (COMPOSITE_TASK, part, "result")
        and result.uf1 is not None
    ]
    return tuple(
        sorted(_without_reprints(found), key=lambda found: (-(found.uf1 or 0.0), found.method))
    )


def _without_reprints(results: Iterable[PublishedResult]) -> list[PublishedResult]:
    kept: list[PublishedResult] = []
    for result in results:
        same = [i for i, other in enumerate(kept) if _is_reprint(other, result)]
        if not same:
            kept.append(result)
            continue
        first = kept[same[0]]
        longer, other = (result, first) if _digits(result) > _digits(first) else (first, result)
        kept[same[0]] = replace(
            longer,
            accuracy=longer.accuracy if longer.accuracy is not None else other.accuracy,
            parameters=longer.parameters if longer.parameters is not None else other.parameters,
            note=longer.note or other.note,
        )
    return kept


def _is_reprint(first: PublishedResult, second: PublishedResult) -> bool:
    if first.method != second.method or first.uf1 is None or second.uf1 is None:
        return False
    return abs(first.uf1 - second.uf1) < _SAME_PRINT


def _digits(result: PublishedResult) -> int:
    return len(str(result.uf1)) + len(str(result.uar))
