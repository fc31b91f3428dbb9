"""Geometry of the page's two figures, in percent of their width; the templates draw it as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from openmer.evaluation import SubjectScores, Summary
from openmer.reports._rows import Run, corpus_word, counted, plain, row_of

PANEL_HEIGHT_PX = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalLine:
    """UF1 of one run on the axis: all places in percent of the width.

    Attributes:
        title: The run's title.
        rule: Its epoch rule in words.
        leaky: Whether it is leaky.
        value: UF1 as text.
        interval: Its 95 % interval as text.
        at: Place of UF1.
        low: Place of the interval's lower end; None without an interval.
        high: Place of the interval's upper end; None without an interval.
        seeds: Places of UF1 of every seed.
    """

    title: str
    rule: str
    leaky: bool
    value: str
    interval: str
    at: float
    low: float | None
    high: float | None
    seeds: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalFigure:
    """UF1 of all runs on one axis: a record, so that the page names both parts.

    Attributes:
        ticks: Where the axis has a label, in percent of its width, and the label.
        lines: A line for each run.
    """

    ticks: tuple[tuple[float, str], ...]
    lines: tuple[IntervalLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectBar:
    """One subject: x and width in percent (the width is the clips), y and height in pixels."""

    x: float
    width: float
    y: float
    height: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectPanel:
    """The subjects of one corpus, best first; a bar's filled area is the clips that were right."""

    corpus: str
    data: str
    accuracy: str
    bars: tuple[SubjectBar, ...]


def interval_figure(runs: Sequence[Run]) -> IntervalFigure:
    """UF1 of every run, its interval and its seeds, on an axis that holds them all."""
    low, high = _axis(_uf1_values(runs))

    def place(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    lines = []
    for info, summary in runs:
        row = row_of(info, summary)
        found = summary.scores["uf1"]
        lines.append(
            IntervalLine(
                title=row.title,
                rule=row.rule,
                leaky=row.leaky,
                value=row.scores["uf1"].value,
                interval=row.scores["uf1"].interval,
                at=place(summary.uf1),
                low=None if found.low is None else place(found.low),
                high=None if found.high is None else place(found.high),
                seeds=tuple(place(scores["uf1"]) for scores in summary.per_seed),
            )
        )
    steps = round((high - low) * 10)
    ticks = tuple((place(low + i / 10), f"{low + i / 10:.1f}") for i in range(steps + 1))
    return IntervalFigure(ticks=ticks, lines=tuple(lines))


def subject_panels(summary: Summary) -> tuple[SubjectPanel, ...]:
    """One panel per corpus with its subjects from the best to the worst recognised."""
    return tuple(
        SubjectPanel(
            corpus=corpus_word(corpus),
            data=f"{counted(part.subjects, 'subject')}, {counted(part.clips, 'clip')}",
            accuracy=f"{100 * part.scores['accuracy'].value:.0f} %",
            bars=_bars(
                [subject_id for subject_id in summary.by_subject if subject_id.corpus == corpus],
                part.clips,
            ),
        )
        for corpus, part in summary.parts.items()
    )


def best_first(subjects: Iterable[SubjectScores]) -> list[SubjectScores]:
    """Subjects from the best to the worst recognised; of equals the one with more clips first."""
    return sorted(subjects, key=lambda found: (-found.accuracy, -found.clips, found.subject_id))


def _bars(subjects: Sequence[SubjectScores], clips: int) -> tuple[SubjectBar, ...]:
    bars, x = [], 0.0
    for found in best_first(subjects):
        width = 100 * found.clips / clips
        height = found.accuracy * PANEL_HEIGHT_PX
        right = f"{found.correct:.3g} of {found.clips}"
        bars.append(
            SubjectBar(
                x=round(x, 3),
                width=round(width, 3),
                y=round(PANEL_HEIGHT_PX - height, 2),
                height=round(height, 2),
                note=f"{plain(found.subject_id)}: {right} right, {100 * found.accuracy:.0f} %",
            )
        )
        x += width
    return tuple(bars)


def _uf1_values(runs: Sequence[Run]) -> list[float]:
    values = [scores["uf1"] for _, summary in runs for scores in summary.per_seed]
    for _, summary in runs:
        found = summary.scores["uf1"]
        values += [end for end in (found.low, found.high) if end is not None]
    return values


def _axis(values: Sequence[float]) -> tuple[float, float]:
    """Return the smallest range of whole tenths around the values, at least two tenths wide."""
    low, high = math.floor(10 * min(values)), math.ceil(10 * max(values))
    while high - low < 2:
        low, high = max(0, low - 1), min(10, high + 1)
    return low / 10, high / 10
