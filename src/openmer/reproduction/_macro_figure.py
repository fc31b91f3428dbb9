"""Macro-expressions beside the apex frames of micro-expressions, as they are and magnified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from openmer.clip import Clip
from openmer.datasets import label_scheme, labelled, load_pretraining, pretraining_scheme
from openmer.errors import ConfigError
from openmer.methods import Method
from openmer.preprocessing import ArrayCache, Recipe, input_pictures
from openmer.pretraining import ImageReader, pretraining_of
from openmer.reproduction._rows import without_steps
from openmer.theme import INK, SOFT, figure_bytes, new_figure

_CELL_IN, _NAMES_IN, _ABOVE_IN, _DPI = 2.0, 1.3, 1.1, 130


Pictures = Sequence[tuple[str, NDArray[np.uint8]]]
"""Each with its heading: red, green and blue of shape ``(height, width, 3)``."""


def macro_and_micro(
    methods: Sequence[tuple[str, Method]], clips: Sequence[Clip], *, seed: int = 0
) -> dict[str, Pictures]:
    """Take a macro-expression and a clip of every class, and prepare them as the methods do.

    Args:
        methods: Label and method; the first one's classes and pretraining count. Each magnifies.
        clips: The first of every class is drawn, at its apex.
        seed: Decides which macro-expression is drawn.

    Returns:
        The pictures of each class, by its name.

    Raises:
        ConfigError: A method does not magnify, or no corpus of the pretraining is at hand.
        DataError: An image or a clip cannot be prepared.
        ProtocolError: A class has no clip.
    """
    first = methods[0][1]
    kept, targets = labelled(clips, first.scheme.resolved(clips))
    chosen = [kept[targets.index(place)] for place in range(len(first.scheme.classes))]
    found: dict[str, Pictures] = {}
    for name, clip, macro in zip(
        first.scheme.classes, chosen, _macro_images(first, seed), strict=True
    ):
        plain = _picture(without_steps(first, ("magnify",)).steps, clip)
        after = [(f"magnified, {label}", _picture(one.steps, clip)) for label, one in methods]
        pictures = (("macro-expression", macro), (f"apex, {clip.corpus}", plain), *after)
        found[name] = pictures
    return found


def draw_macro_and_micro(title: str, lines: Mapping[str, Pictures]) -> bytes:
    """Draw a line for each class, as a PNG file.

    Args:
        title: Above them.
        lines: From `macro_and_micro`.
    """
    columns = max(map(len, lines.values()))
    width, height = _NAMES_IN + columns * _CELL_IN, _ABOVE_IN + len(lines) * (_CELL_IN + 0.3)
    figure = new_figure(width, height, dpi=_DPI, paper="white")
    left = 0.12 / width
    figure.text(left, 1 - 0.35 / height, title, fontsize=13, weight="bold", color=INK, va="center")
    for number, (name, pictures) in enumerate(lines.items()):
        bottom = height - _ABOVE_IN + 0.15 - number * (_CELL_IN + 0.3) - _CELL_IN
        middle = (bottom + _CELL_IN / 2) / height
        figure.text(left, middle, name, fontsize=11, color=INK, va="center")
        for column, (heading, rgb) in enumerate(pictures):
            place = (
                (_NAMES_IN + column * _CELL_IN) / width,
                bottom / height,
                (_CELL_IN - 0.1) / width,
                (_CELL_IN - 0.1) / height,
            )
            panel = figure.add_axes(place)
            panel.imshow(rgb, interpolation="nearest")
            panel.set_axis_off()
            panel.set_title(heading, fontsize=8.5, color=SOFT, loc="left", pad=3)
    return figure_bytes(figure)


def _picture(recipe: Recipe, clip: Clip) -> NDArray[np.uint8]:
    return input_pictures(recipe.run(clip, store=ArrayCache()), recipe)[0].rgb


def _macro_images(method: Method, seed: int) -> list[NDArray[np.uint8]]:
    """Draw one image of each class from the method's pretraining."""
    config = pretraining_of(method)
    found = load_pretraining(config.scheme, seed=seed)
    classes = label_scheme(pretraining_scheme(config.scheme).label_scheme).classes
    if classes != method.scheme.classes:
        raise ConfigError(
            f"The pretraining of {method.name} has the classes {', '.join(classes)}, the clips "
            f"{', '.join(method.scheme.classes)}. Choose a label scheme with the same."
        )
    rng = np.random.default_rng(seed)
    targets = np.array(found.targets)
    chosen = [int(rng.choice(np.flatnonzero(targets == place))) for place in range(len(classes))]
    reader = ImageReader(recipe=config.recipe, store=ArrayCache())
    images = (
        reader.read([found.images[number]], [place], len(classes)).images[0]
        for place, number in enumerate(chosen)
    )
    return [np.moveaxis(np.broadcast_to(one, (3, *one.shape[1:])), 0, -1) for one in images]
