"""The learning curve of a pretraining as a picture: accuracy and loss over the epochs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import MaxNLocator

from openmer.pretraining._spec import Epoch
from openmer.theme import (
    ACCENT,
    INK,
    OTHER,
    PAPER,
    RAISED,
    SOFT,
    draw_frame,
    figure_bytes,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_IN = (9.0, 5.2)
_DPI = 150
_NAMED_PARTS = 12  # more names would not fit beside each other


def draw_curve(card: Mapping[str, Any], epochs: Sequence[Epoch]) -> bytes:
    """Draw the curve as a PNG file; the same numbers give the same bytes.

    Args:
        card: From `openmer.pretraining._run.make_card`.
        epochs: At least one.
    """
    figure = new_figure(*_SIZE_IN, dpi=_DPI)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.15, 1))
    figure.subplots_adjust(left=0.075, right=0.875, top=0.81, bottom=0.1, hspace=0.3)
    _titles(figure, card)
    best = [epoch for epoch in epochs if epoch.best][-1]
    numbers = [epoch.number for epoch in epochs]
    for panel in (upper, lower):
        _frame(panel, epochs)
        panel.set_xlim(0.5, len(epochs) + 0.5)
        panel.axvline(best.number, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    accuracies = [epoch.validation_accuracy for epoch in epochs]
    _lines(upper, numbers, {"": (accuracies, ACCENT)})
    chance = max(card["data"]["validation"].values()) / sum(card["data"]["validation"].values())
    _reference(upper, chance, "always the largest class")
    low, high = upper.get_ylim()
    near_top = best.validation_accuracy >= low + 0.75 * (high - low)
    _mark(upper, best.number, best.validation_accuracy, above=not near_top)
    losses = {
        "validation": ([epoch.validation_loss for epoch in epochs], ACCENT),
        "training": ([epoch.training_loss for epoch in epochs], OTHER),
    }
    _lines(lower, numbers, losses)
    is_upper = best.training_loss < best.validation_loss
    if not is_upper:  # room for the value below its line
        low, high = lower.get_ylim()
        lower.set_ylim(low - 0.1 * (high - low), high)
    _mark(lower, best.number, best.validation_loss, above=is_upper)
    _words(upper, lower, epochs)
    return figure_bytes(figure)


def _titles(figure: Any, card: Mapping[str, Any]) -> None:  # noqa: ANN401 - matplotlib is not loaded
    scores, data, config = card["scores"], card["data"], card["pretraining"]
    corpora = ", ".join(corpus["title"] for corpus in data["corpora"].values())
    figure.text(
        0.075, 0.945, f"{card['title']}: pretraining on {corpora}",
        fontsize=15, weight="bold", color=INK, va="center",
    )  # fmt: skip
    facts = (
        f"{data['images']:,} images at {config['size']}x{config['size']} px · epoch "
        f"{card['epochs']['best']} kept of {card['epochs']['run']} · accuracy "
        f"{scores['accuracy']:.3f} · UF1 {scores['uf1']:.3f} · UAR {scores['uar']:.3f}"
    )
    figure.text(0.075, 0.893, facts, fontsize=10, color=SOFT, va="center")


def _frame(panel: Axes, epochs: Sequence[Epoch]) -> None:
    """Light lines, no box, and a wash behind every second part of the training."""
    draw_frame(panel)
    panel.margins(y=0.15)
    for place, (first, last, _) in enumerate(_parts(epochs)):
        if place % 2:
            panel.axvspan(first - 0.5, last + 0.5, color=RAISED, linewidth=0, zorder=0)


def _parts(epochs: Sequence[Epoch]) -> list[tuple[int, int, str]]:
    """First and last epoch of each part of the training, and its name."""
    parts = []
    for name, group in itertools.groupby(epochs, key=lambda epoch: epoch.part):
        members = list(group)
        parts.append((members[0].number, members[-1].number, name))
    return parts


def _lines(
    panel: Axes, numbers: Sequence[int], lines: Mapping[str, tuple[Sequence[float], str]]
) -> None:
    """Each line with its name at its end, names moved apart where ends are close."""
    for values, colour in lines.values():
        marker = "o" if len(numbers) <= 40 else ""
        panel.plot(
            numbers, values, color=colour, linewidth=1.8, marker=marker, markersize=3, zorder=3,
            solid_capstyle="round",
        )  # fmt: skip
    low, high = panel.get_ylim()
    ends = sorted((values[-1], name, colour) for name, (values, colour) in lines.items())
    before = low - high
    for value, name, colour in ends:
        at = max(value, before + 0.11 * (high - low))
        before = at
        panel.annotate(
            name, (1, at), xycoords=("axes fraction", "data"), xytext=(7, 0),
            textcoords="offset points", color=colour, fontsize=10, va="center", weight="bold",
        )  # fmt: skip


def _reference(panel: Axes, value: float, name: str) -> None:
    """Draw a level to compare with, where it is near enough to be shown."""
    low, high = panel.get_ylim()
    if low - 0.6 * (high - low) <= value <= high:
        panel.axhline(value, color=SOFT, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
        panel.annotate(
            name, (1, value), xycoords=("axes fraction", "data"), xytext=(-2, 3),
            textcoords="offset points", color=SOFT, fontsize=8, ha="right", va="bottom",
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5, "alpha": 0.85},
        )  # fmt: skip


def _mark(panel: Axes, number: int, value: float, *, above: bool) -> None:
    """Mark the epoch whose weights were kept."""
    panel.plot(
        [number], [value], "o", color=ACCENT, markersize=9, zorder=4, markeredgecolor=PAPER,
        markeredgewidth=2, clip_on=False,
    )  # fmt: skip
    left, right = panel.get_xlim()
    late = number > left + 0.94 * (right - left)
    panel.annotate(
        f"{value:.3f}", (number, value), xytext=(5 if late else 0, 11 if above else -11),
        textcoords="offset points", ha="right" if late else "center",
        va="bottom" if above else "top", color=INK, fontsize=10, weight="bold", zorder=5,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.5, "alpha": 0.85},
    )  # fmt: skip


def _words(upper: Axes, lower: Axes, epochs: Sequence[Epoch]) -> None:
    """Axes, and the names of the parts where there are few enough."""
    for panel, name in ((upper, "validation accuracy"), (lower, "loss")):
        panel.set_title(name, loc="left", fontsize=10, color=SOFT, pad=4)
        panel.yaxis.set_major_locator(MaxNLocator(5))
    lower.set_xlabel("epoch", color=SOFT, fontsize=10)
    lower.xaxis.set_major_locator(MaxNLocator(12, integer=True, min_n_ticks=1))
    parts = _parts(epochs)
    if 1 < len(parts) <= _NAMED_PARTS:
        for first, last, name in parts:
            moving = re.search(r"\((\w+)\)", name)
            upper.text(
                (first + last) / 2, -0.03, moving[1] if moving else name, fontsize=8, color=SOFT,
                transform=upper.get_xaxis_transform(), ha="center", va="top",
            )  # fmt: skip
