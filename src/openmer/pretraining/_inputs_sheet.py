"""A contact sheet of prepared inputs: what a network is shown, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError
from openmer.preprocessing import Recipe, input_pictures
from openmer.theme import INK, SOFT, figure_bytes, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL_IN, _NAMES_IN, _TITLE_IN, _DPI = 1.15, 1.35, 0.75, 130


def draw_prepared(
    title: str,
    inputs: NDArray[np.generic],
    targets: Sequence[int],
    classes: Sequence[str],
    *,
    recipe: Recipe | None = None,
    columns: int = 10,
) -> bytes:
    """Draw inputs of each class in a row, taken evenly from its list, as a PNG file.

    An input of several kinds, such as flow, strain and apex frame, has a row for each kind.

    Args:
        title: Of the sheet.
        inputs: Shape ``(inputs, channels, height, width)``, as the recipe makes them.
        targets: Class index of each.
        classes: Names of the classes.
        recipe: What the channels are; None for gray levels or colours of 0..255.
        columns: Most inputs in a row.

    Raises:
        DataError: There is no input.
    """
    if not len(inputs):
        raise DataError("There is nothing to draw: no clip or image was prepared.")
    truth = np.asarray(targets)
    columns = max(4, min(columns, int(np.bincount(truth).max())))
    kinds = len(_pictures(inputs[0], recipe))
    size = (_NAMES_IN + columns * _CELL_IN, _TITLE_IN + len(classes) * kinds * _CELL_IN)
    figure = new_figure(*size, dpi=_DPI)
    figure.text(
        0.12 / size[0], 1 - 0.35 / size[1], title, fontsize=14, weight="bold", color=INK,
        va="center",
    )  # fmt: skip
    for row, name in enumerate(classes):
        own = np.flatnonzero(truth == row)
        bottom = (len(classes) - 1 - row) * kinds * _CELL_IN
        label = f"{name}\n{len(own):,} in all"
        figure.text(
            0.12 / size[0], (bottom + kinds * _CELL_IN / 2) / size[1], label, fontsize=10,
            color=SOFT, va="center",
        )  # fmt: skip
        chosen = own[np.linspace(0, len(own) - 1, min(columns, len(own))).round().astype(int)]
        for column, number in enumerate(chosen):
            for kind, rgb in enumerate(_pictures(inputs[number], recipe), start=1):
                place = (_NAMES_IN + column * _CELL_IN, bottom + (kinds - kind) * _CELL_IN)
                _draw(figure, place, rgb)
    return figure_bytes(figure)


def _draw(figure: Figure, place_in: tuple[float, float], rgb: NDArray[np.uint8]) -> None:
    """Draw a picture into the cell whose lower left corner is given in inches."""
    width_in, height_in = figure.get_size_inches()
    left, bottom, side = place_in[0], place_in[1] + 0.04, _CELL_IN - 0.06
    box = (left / width_in, bottom / height_in, side / width_in, side / height_in)
    panel = figure.add_axes(box)
    panel.imshow(rgb, interpolation="nearest")
    panel.set_axis_off()


def _pictures(array: NDArray[np.generic], recipe: Recipe | None) -> list[NDArray[np.uint8]]:
    """Draw one input, a picture for each kind of channels."""
    if recipe is not None:
        return [one.rgb for one in input_pictures(array.astype(np.float32), recipe)]
    planes = array if len(array) == 3 else np.repeat(array[:1], 3, axis=0)
    return [planes.astype(np.float64).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)]
