"""What the last blocks of a network make of one clip: its feature maps as a picture."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from openmer.clip import Clip
from openmer.datasets import ClipSource
from openmer.errors import ConfigError
from openmer.evaluation import Progress, Protocol, prepare_task
from openmer.explanation import held_out_network, honest_rule
from openmer.files import replace_file
from openmer.methods import Method
from openmer.preprocessing import ArrayCache
from openmer.reproduction._rows import row_method
from openmer.reproduction._run_study import StudyRun, silent
from openmer.reproduction._study import Study, StudyRow
from openmer.theme import INK, SOFT, figure_bytes, new_figure
from openmer.training import pretrained_network

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_PRETRAINED = (
    "Pretrained weights, as every fold begins with them: no micro-expression has moved them."
)


def feature_maps(network: nn.Module, array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute a network's last maps of a prepared clip, ``(maps, rows, columns)``.

    Args:
        network: What scales the input, then the model, as `openmer.training.build_network` has it.
        array: Shape ``(channels, height, width)``.

    Raises:
        ConfigError: The model has no feature maps.
    """
    scale, model = list(network.children())[:2]
    if not hasattr(model, "feature_maps"):
        raise ConfigError(f"The model {type(model).__name__} does not offer its feature maps.")
    with torch.no_grad():
        scaled = scale(torch.from_numpy(array)[None])
        maps = cast(Callable[[Tensor], Tensor], model.feature_maps)(scaled)
    found: NDArray[np.float32] = maps[0].numpy()
    return found


def draw_maps(
    maps: NDArray[np.float32], title: str, origin: str, input_rgb: NDArray[np.float32]
) -> Figure:
    """All maps of one network in a grid, each stretched to its own range, beside its input.

    Args:
        maps: Shape ``(maps, rows, columns)``.
        title: Above the grid.
        origin: Of the network's weights, below the title.
        input_rgb: What the network saw, ``(3, height, width)``, 0..255.
    """
    columns = math.ceil(math.sqrt(len(maps) * 1.6))
    rows = math.ceil(len(maps) / columns)
    told = textwrap.wrap(origin, 150)
    above_in = 0.6 + 0.2 * len(told)
    figure = new_figure(12, 12 * 0.82 * rows / columns + above_in, dpi=110, paper="white")
    height_in = figure.get_figheight()
    figure.text(0.01, 1 - 0.1 / height_in, title, fontsize=14, weight="bold", color=INK, va="top")
    figure.text(0.01, 1 - 0.42 / height_in, "\n".join(told), fontsize=9.5, color=SOFT, va="top")
    left, right = figure.subfigures(1, 2, width_ratios=(0.18, 0.82), squeeze=False)[0]
    panel = left.add_axes((0.06, 0.55, 0.88, 0.33))
    panel.imshow(np.moveaxis(input_rgb, 0, -1).clip(0, 255).astype(np.uint8))
    panel.set_title("input", fontsize=10, color=SOFT)
    panel.set_axis_off()
    top = 1 - above_in / height_in
    for number, (place, found) in enumerate(
        zip(right.subplots(rows, columns).flat, _filled(maps, rows * columns), strict=True)
    ):
        place.set_axis_off()
        if number < len(maps):
            place.imshow(found, cmap="magma", interpolation="nearest")
    right.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=top, wspace=0.06, hspace=0.06)
    return figure


def draw_study(
    study: Study,
    clips: ClipSource,
    clip: Clip,
    how: StudyRun,
    on_progress: Callable[[StudyRow], AbstractContextManager[Progress | None]] = silent,
) -> Iterator[Path]:
    """Draw the figures of a study of kind ``maps``, one per row; yield their paths.

    Args:
        study: The study.
        clips: The clips to train on, with the one that is drawn.
        clip: The one that is drawn. A network has its stored weights, or is that of the fold in
            which the clip's subject is held out.
        how: How to train, and where the figures go.
        on_progress: As in `run_study`.

    Raises:
        OpenMERError: As `openmer.explanation.explain_held_out`.
    """
    for number, row in enumerate(study.rows, start=1):
        method = row_method(study, row, how.changes)
        with on_progress(row) as report:
            network, origin = _network(method, row, clips, clip, how, report)
        array = method.steps.run(clip)
        drawn = draw_maps(
            feature_maps(network, array), f"{row.label}, of {clip.key}", origin, array
        )
        path = how.out / "studies" / f"{study.name.replace('/', '-')}-{number}.png"
        replace_file(path, figure_bytes(drawn))
        yield path


def _network(
    method: Method,
    row: StudyRow,
    clips: ClipSource,
    clip: Clip,
    how: StudyRun,
    report: Progress | None,
) -> tuple[nn.Module, str]:
    """Return the network of a row, in evaluation mode, and where its weights come from."""
    if not row.pretrained:
        task = prepare_task(
            method,
            clips,
            protocol=Protocol(epoch_rule=honest_rule(method)),
            cache=ArrayCache(),
            workers=how.resources.workers,
            on_progress=report,
        )
        by = held_out_network(task, clip.subject_id, resources=how.resources)
        return by.network, by.origin
    size = method.steps.size
    if size is None:
        raise ConfigError(f"{method.name} has no fixed input size. Let its recipe end in one.")
    classes = max(2, len(method.scheme.classes))
    spec = method.network_spec(classes, (method.steps.channels, size, size))
    return pretrained_network(spec).eval(), _PRETRAINED


def _filled(maps: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Append empty maps, until there are `count` in all."""
    return np.pad(maps, ((0, count - len(maps)), (0, 0), (0, 0)))
