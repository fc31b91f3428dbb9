"""Draw saliency maps over the input in gray, beside it, with scores and what to know."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap

from openmer.errors import ConfigError
from openmer.explanation._held_out import SaliencyMap
from openmer.files import replace_file, require_own
from openmer.preprocessing import LUMA, Picture, input_pictures
from openmer.theme import ACCENT, ALARM, FIGURE_MARK, INK, LINE, SOFT, figure_bytes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_DPI = 120
_PANEL_IN = 3.6  # from the left side of a picture to that of the next
_LONGEST_NAME = 72  # characters that fit on a figure


def draw_saliency_map(shown: SaliencyMap) -> Figure:
    """Draw the saliency map of one clip: input, map, scores, and what to know about it."""
    notes = [(text, ALARM) for text in shown.cautions] + [(shown.by.origin, SOFT)]
    lines = [(line, colour) for text, colour in notes for line in textwrap.wrap(text, 150)]
    foot_in = 0.2 * len(lines) + 0.25
    pictures = input_pictures(shown.array, shown.by.recipe)
    width_in = 7.4 + _PANEL_IN * len(pictures)
    figure = new_figure(width_in, 4.4 + foot_in, dpi=_DPI, paper="white")
    body, foot = figure.subfigures(2, 1, height_ratios=(4.4, foot_in), squeeze=False)[:, 0]
    body.text(0.02, 0.95, _short(shown.name), fontsize=15, weight="bold", color=INK, va="center")
    body.text(0.02, 0.878, _verdict(shown), fontsize=10.5, color=SOFT, va="center")
    left_in = 0.22
    for picture in pictures:
        title = f"{picture.title}: {picture.words}" if picture.words else picture.title
        _picture(body.add_axes(_place(left_in, 3.4, width_in)), picture, title)
        left_in += _PANEL_IN
    rows, columns = shown.found.cells.shape
    title = f"saliency of {_explained(shown)}, {rows}x{columns} cells ({shown.found.kind})"
    drawn = _saliency(body.add_axes(_place(left_in, 3.4, width_in)), shown, title)
    bar = ((left_in + 3.54) / width_in, 0.06, 0.12 / width_in, 0.67)
    _colour_bar(body, drawn, bar)
    _scores(body.add_axes((1 - 2.0 / width_in, 0.12, 1.8 / width_in, 0.6)), shown)
    for number, (line, colour) in enumerate(lines):
        height = 1 - (0.12 + 0.2 * number) / foot_in
        foot.text(0.02, height, line, fontsize=9, color=colour, va="center")
    return figure


def draw_variants(
    title: str, shown: Sequence[tuple[str, SaliencyMap]], *, beside: Picture | None = None
) -> Figure:
    """Saliency maps of one clip by several networks, side by side.

    Args:
        title: Above them.
        shown: Label and saliency map of each, at least one; the first one's inputs are drawn.
        beside: A further picture between the input and the maps.
    """
    first = shown[0][1]
    pictures = [*input_pictures(first.array, first.by.recipe), *([beside] if beside else [])]
    count = len(pictures) + len(shown)
    width_in = 2.35 * count + 0.75
    figure = new_figure(width_in, 3.95, dpi=_DPI, paper="white")
    figure.text(0.012, 0.945, title, fontsize=14, weight="bold", color=INK, va="center")
    figure.text(0.012, 0.875, _shared_facts(first), fontsize=9.5, color=SOFT, va="center")
    step = (1 - 0.75 / width_in) / count
    places = [(0.012 + number * step, 0.15, step * 0.955, 0.575) for number in range(count)]
    for place, picture in zip(places, pictures, strict=False):
        panel = figure.add_axes(place)
        _picture(panel, picture, picture.title)
        panel.set_xlabel(textwrap.fill(picture.words, 36), **_under(SOFT))
    for place, (label, saliency_map) in zip(places[len(pictures) :], shown, strict=True):
        panel = figure.add_axes(place)
        drawn = _saliency(panel, saliency_map, label, weight="bold", color=INK)
        _below(panel, saliency_map)
    _colour_bar(figure, drawn, (1 - 0.62 / width_in, 0.2, 0.1 / width_in, 0.475))
    figure.text(
        0.012, 0.035, "Each map is scaled to its own maximum: colours compare places in "
        "one map, not strengths between maps. The saliency of a wrong network explains an error.",
        fontsize=8.5, color=SOFT, va="center",
    )  # fmt: skip
    return figure


def require_png(path: Path) -> None:
    """Make sure that a figure can be written under a name.

    Raises:
        ConfigError: It is no PNG file.
        DataError: A file of this name is there that is no figure of ours.
    """
    if path.suffix.lower() != ".png":
        raise ConfigError(f"The file of the figure is {path}; give one that ends in .png.")
    require_own({path: FIGURE_MARK})


def write_figure(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, whole or not at all; the same figure gives the same bytes.

    Raises:
        ConfigError: As `require_png`.
    """
    require_png(path)
    replace_file(path, figure_bytes(figure))


def _short(name: str) -> str:
    """Shorten a long path to its end."""
    return name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"


def _explained(shown: SaliencyMap) -> str:
    return shown.by.classes[shown.explained]


def _verdict(shown: SaliencyMap) -> str:
    """Write what the network says and what the annotators said."""
    names = shown.by.classes
    said = f"{names[shown.predicted]} ({shown.scores[shown.predicted]:.2f})"
    truth = "" if shown.truth is None else f"   ·   annotated {names[shown.truth]}"
    return f"{shown.by.title} says {said}{truth}   ·   explained: {_explained(shown)}"


def _shared_facts(shown: SaliencyMap) -> str:
    parts = [f"clip {_short(shown.name)}"]
    if shown.truth is not None:
        parts.append(f"annotated {shown.by.classes[shown.truth]}")
    if shown.by.training is not None:
        parts.append(f"no network has seen {shown.by.training.job.subject_id}, the subject in it")
    return "   ·   ".join(parts)


def _below(panel: Axes, shown: SaliencyMap) -> None:
    """Write what the network says under its map."""
    wrong = shown.truth is not None and shown.truth != shown.predicted
    said = f"says {shown.by.classes[shown.predicted]}, {shown.scores[shown.predicted]:.2f}"
    verdict = "" if shown.truth is None else ": wrong" if wrong else ": right"
    lines = [f"{said}{verdict}"]
    if shown.explained != shown.predicted:
        lines.append(f"saliency of {_explained(shown)}")
    if not shown.found.cells.any():
        lines.append("no place raises it")
    panel.set_xlabel("\n".join(lines), **_under(ALARM if wrong else INK))


def _place(left_in: float, side_in: float, width_in: float) -> tuple[float, float, float, float]:
    """Return the place of a panel in the body of a figure, as shares of its width and height."""
    return left_in / width_in, 0.02, side_in / width_in, 0.75


def _picture(panel: Axes, picture: Picture, title: str) -> None:
    panel.imshow(picture.rgb, interpolation="nearest")
    _bare(panel)
    panel.set_title(title, **_title())


def _saliency(panel: Axes, shown: SaliencyMap, title: str, **style: Any) -> Any:  # noqa: ANN401 - of matplotlib
    """Draw the saliency over the input in gray; return what a colour bar needs."""
    pictures = input_pictures(shown.array, shown.by.recipe)
    gray = next((one for one in pictures if one.is_image), pictures[0]).rgb @ np.array(LUMA)
    panel.imshow(gray, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    drawn = panel.imshow(
        shown.found.saliency, cmap=_saliency_colours(), vmin=0, vmax=1, interpolation="nearest"
    )
    _bare(panel)
    panel.set_title(title, **{**_title(), **style})
    return drawn


def _saliency_colours() -> ListedColormap:
    """Make colours from clear to yellow; 0 leaves the picture as it is."""
    share = np.linspace(0, 1, 256)
    colours = mpl.colormaps["inferno"](0.25 + 0.7 * share)
    colours[:, 3] = 0.85 * share**0.7
    return ListedColormap(colours)


def _colour_bar(
    figure: Figure | SubFigure,
    drawn: Any,  # noqa: ANN401 - of matplotlib
    place: tuple[float, float, float, float],
) -> None:
    bar = figure.add_axes(place)
    scale = figure.colorbar(drawn, cax=bar, ticks=[0, 0.5, 1])
    scale.outline.set_edgecolor(LINE)
    bar.set_yticklabels(["0", "0.5", "largest"])
    bar.tick_params(labelsize=8, colors=SOFT, length=2)


def _scores(panel: Axes, shown: SaliencyMap) -> None:
    """Draw a bar per class; the explained one is dark."""
    names = shown.by.classes
    colours = [ACCENT if i == shown.explained else LINE for i in range(len(names))]
    panel.barh(range(len(names)), shown.scores, color=colours, height=0.6)
    low, high = min(0.0, *shown.scores), max(1.0, *shown.scores)
    for place, score in enumerate(shown.scores):
        panel.text(
            max(score, 0) + 0.02 * (high - low),
            place,
            f"{score:.2f}",
            fontsize=9,
            color=INK,
            va="center",
        )
    labels = [f"{name}\n(annotated)" if i == shown.truth else name for i, name in enumerate(names)]
    panel.set_yticks(range(len(names)), labels, fontsize=9.5, color=INK)
    panel.invert_yaxis()
    panel.set(xlim=(low, high + 0.15 * (high - low)), xticks=[])
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    what = "decision value" if shown.by.decides else "score, not calibrated"
    panel.set_title(what, **_title())


def _bare(panel: Axes) -> None:
    panel.set_xticks([])
    panel.set_yticks([])
    panel.spines[:].set_color(LINE)


def _title() -> dict[str, Any]:
    return {"fontsize": 9.5, "color": SOFT, "loc": "left", "pad": 4}


def _under(colour: str) -> dict[str, Any]:
    return {"fontsize": 9, "color": colour, "loc": "left", "labelpad": 5}
