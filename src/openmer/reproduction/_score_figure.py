"""The scores of a study's rows as a figure: a panel for each part of the clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from openmer.evaluation import METRICS
from openmer.reproduction._report import scores_of, study_title
from openmer.reproduction._run_study import StudyResult
from openmer.reproduction._study import Study, part_word
from openmer.theme import ACCENT, INK, OTHER, SOFT, draw_frame, figure_bytes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANEL_IN, _ROW_IN, _ABOVE_IN, _LEFT_IN, _DPI = 2.6, 0.42, 1.35, 2.0, 150
_COLOURS = (ACCENT, OTHER, INK)


def draw_scores(study: Study, results: Sequence[StudyResult]) -> bytes:
    """Draw every score of every row with its 95 % interval by subjects, as a PNG file.

    Args:
        study: Its parts are the panels, side by side on one scale; its scores have a colour each.
        results: One per row, from `run_study`. A row that was not run has an empty line.
    """
    parts = study.shown_parts
    width = _LEFT_IN + max(2, len(parts)) * _PANEL_IN
    height = _ABOVE_IN + len(results) * _ROW_IN + 0.45
    figure = new_figure(width, height, dpi=_DPI)
    left = 0.15 / width
    figure.text(left, 1 - 0.3 / height, study_title(study), fontsize=13, weight="bold", color=INK,
                va="center")  # fmt: skip
    figure.text(left, 1 - 0.62 / height, "points: ours; lines: 95 % intervals by subjects",
                fontsize=9, color=SOFT, va="center")  # fmt: skip
    panels = figure.subplots(1, len(parts), sharex=True, sharey=True, squeeze=False)[0]
    figure.subplots_adjust(
        left=_LEFT_IN / width, right=1 - 0.2 / width, top=1 - _ABOVE_IN / height,
        bottom=0.45 / height, wspace=0.1,
    )  # fmt: skip
    for panel, part in zip(panels, parts, strict=True):
        draw_frame(panel)
        panel.grid(axis="x", color="0.9", linewidth=0.7)
        panel.set_title(part_word(part), loc="left", fontsize=11, color=INK)
        _draw(panel, study, results, part)
    labels = [f"{one.row.label}{'' if one.honest else ' (not run)'}" for one in results]
    panels[0].set_yticks(range(len(results)), labels, fontsize=9.5, color=INK)
    panels[0].set_ylim(len(results) - 0.5, -0.5)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="upper right", bbox_to_anchor=(1 - 0.1 / width, 1 - 0.42 / height),
        frameon=False, ncols=len(names) or 1, fontsize=9.5, labelcolor="linecolor",
    )  # fmt: skip
    return figure_bytes(figure)


def _draw(panel: Axes, study: Study, results: Sequence[StudyResult], part: str) -> None:
    """Draw the scores of one part: a line for each row, the scores of a row above one another."""
    count = len(study.scores)
    for number, score in enumerate(study.scores):
        shift = 0.24 * (number - (count - 1) / 2)
        colour = _COLOURS[number % len(_COLOURS)]
        places, values = [], []
        for place, result in enumerate(results):
            found = scores_of(result.honest, part)
            if found is None:
                continue
            estimate = found.scores[score]
            places.append(place + shift)
            values.append(estimate.value)
            if estimate.low is not None and estimate.high is not None:
                panel.plot([estimate.low, estimate.high], [place + shift] * 2, color=colour,
                           linewidth=1.6, alpha=0.45)  # fmt: skip
        panel.plot(values, places, "o", color=colour, markersize=5, label=METRICS[score].title)
