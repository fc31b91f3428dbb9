"""What the last blocks of a network make of one clip: its feature maps as a picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openmer.clip import Clip
from openmer.errors import ConfigError
from openmer.files import replace_file
from openmer.methods import Method
from openmer.reproduction._rows import Changes, row_method
from openmer.reproduction._study import Study
from openmer.theme import INK, SOFT, figure_bytes, new_figure
from openmer.training import pretrained_network

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def feature_maps(method: Method, clip: Clip) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute the input that a method makes of a clip, and its network's last maps of it.

    The network has its stored weights, as every fold begins with them; random ones without.

    Returns:
        The input, ``(channels, height, width)``, and the maps, ``(maps, rows, columns)``.

    Raises:
        ConfigError: The method has no network with feature maps.
        DataError: The clip cannot be prepared.
    """
    array = method.steps.run(clip)
    channels, height, width = array.shape
    classes = max(2, len(method.scheme.classes))
    spec = method.network_spec(classes, (channels, height, width))
    model = pretrained_network(spec)[1].eval()
    if not hasattr(model, "feature_maps"):
        raise ConfigError(f"The model {spec.model.name} does not offer its feature maps.")
    with torch.no_grad():
        maps = cast(Callable[[Tensor], Tensor], model.feature_maps)(torch.from_numpy(array)[None])
    return array, maps[0].numpy()


def draw_maps(maps: NDArray[np.float32], title: str, input_rgb: NDArray[np.float32]) -> Figure:
    """All maps of one network in a grid, each stretched to its own range, beside its input.

    Args:
        maps: Shape ``(maps, rows, columns)``.
        title: Above the grid.
        input_rgb: What the network saw, ``(3, height, width)``, 0..255.
    """
    columns = math.ceil(math.sqrt(len(maps) * 1.6))
    rows = math.ceil(len(maps) / columns)
    figure = new_figure(12, 12 * 0.82 * rows / columns + 0.7, dpi=110, paper="white")
    figure.text(0.01, 0.985, title, fontsize=14, weight="bold", color=INK, va="top")
    left, right = figure.subfigures(1, 2, width_ratios=(0.18, 0.82), squeeze=False)[0]
    panel = left.add_axes((0.06, 0.55, 0.88, 0.33))
    panel.imshow(np.moveaxis(input_rgb, 0, -1).clip(0, 255).astype(np.uint8))
    panel.set_title("input", fontsize=10, color=SOFT)
    panel.set_axis_off()
    top = 1 - 0.55 / figure.get_figheight()
    for number, (place, found) in enumerate(
        zip(right.subplots(rows, columns).flat, _filled(maps, rows * columns), strict=True)
    ):
        place.set_axis_off()
        if number < len(maps):
            place.imshow(found, cmap="magma", interpolation="nearest")
    right.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=top, wspace=0.06, hspace=0.06)
    return figure


def draw_study(study: Study, clip: Clip, changes: Changes, folder: Path) -> list[Path]:
    """Draw the figures of a study of kind ``maps``, one per row; return their paths."""
    written = []
    for number, row in enumerate(study.rows, start=1):
        array, maps = feature_maps(row_method(study, row, changes), clip)
        path = folder / f"{study.name.replace('/', '-')}-{number}.png"
        replace_file(path, figure_bytes(draw_maps(maps, f"{row.label}, of {clip.key}", array)))
        written.append(path)
    return written


def _filled(maps: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Append empty maps, until there are `count` in all."""
    return np.pad(maps, ((0, count - len(maps)), (0, 0), (0, 0)))
