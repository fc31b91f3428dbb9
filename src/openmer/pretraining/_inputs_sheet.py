"""A contact sheet of prepared inputs: what a network is shown, class by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError
from openmer.preprocessing import flow_to_rgb
from openmer.theme import INK, SOFT, figure_bytes, new_figure

_CELL_IN, _NAMES_IN, _TITLE_IN, _DPI = 1.15, 1.35, 0.75, 130


def draw_prepared(
    title: str,
    inputs: NDArray[np.generic],
    targets: Sequence[int],
    classes: Sequence[str],
    *,
    columns: int = 10,
) -> bytes:
    """Draw inputs of each class in a row, taken evenly from its list, as a PNG file.

    Args:
        title: Of the sheet.
        inputs: Shape ``(inputs, channels, height, width)``: gray levels or colours of 0..255 in 1
            or 3 channels; or flow, of which direction and size are drawn, where any value is
            negative.
        targets: Class index of each.
        classes: Names of the classes.
        columns: Most inputs in a row.

    Raises:
        DataError: There is no input.
    """
    if not len(inputs):
        raise DataError("There is nothing to draw: no clip or image was prepared.")
    truth = np.asarray(targets)
    columns = max(4, min(columns, int(np.bincount(truth).max())))
    size = (_NAMES_IN + columns * _CELL_IN, _TITLE_IN + len(classes) * _CELL_IN)
    figure = new_figure(*size, dpi=_DPI)
    figure.text(
        0.12 / size[0], 1 - 0.35 / size[1], title, fontsize=14, weight="bold", color=INK,
        va="center",
    )  # fmt: skip
    for row, name in enumerate(classes):
        own = np.flatnonzero(truth == row)
        bottom = (len(classes) - 1 - row) * _CELL_IN
        label = f"{name}\n{len(own):,} in all"
        figure.text(
            0.12 / size[0], (bottom + _CELL_IN / 2) / size[1], label, fontsize=10, color=SOFT,
            va="center",
        )  # fmt: skip
        chosen = own[np.linspace(0, len(own) - 1, min(columns, len(own))).round().astype(int)]
        for column, number in enumerate(chosen):
            box = (_NAMES_IN + column * _CELL_IN, bottom + 0.04, _CELL_IN - 0.06, _CELL_IN - 0.06)
            panel = figure.add_axes(
                (box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1])
            )
            panel.imshow(_picture(inputs[number]), interpolation="nearest")
            panel.set_axis_off()
    return figure_bytes(figure)


def _picture(array: NDArray[np.generic]) -> NDArray[np.float64]:
    """One input as ``(height, width, 3)``, 0..1."""
    values = array.astype(np.float64)
    if values.min() < 0 and len(values) > 1:
        return flow_to_rgb(values[:2], max(float(np.hypot(values[0], values[1]).max()), 0.1))
    planes = values if len(values) == 3 else np.repeat(values[:1], 3, axis=0)
    return np.asarray(planes.clip(0, 255).transpose(1, 2, 0) / 255)
