"""What a network is shown of a clip, as pictures: flow, strain, apex frame, whatever there is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmer.preprocessing._recipe import Recipe
from openmer.preprocessing.flow._colours import flow_to_rgb, round_up
from openmer.preprocessing.steps._step import FLOW_AND_DEPTH
from openmer.preprocessing.steps.dynamic_image import DynamicImageStep

_FULL_QUANTILE = 0.995  # of flow lengths and of strain; the largest ones are outliers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """An image with its words.

    Attributes:
        title: What it is.
        words: How to read it; empty where there is nothing to say.
        rgb: Red, green and blue, shape ``(height, width, 3)``.
        is_image: Whether it shows a frame, and not what was computed of frames.
    """

    title: str
    words: str = ""
    rgb: NDArray[np.uint8]
    is_image: bool = False


def input_pictures(array: NDArray[np.float32], recipe: Recipe) -> tuple[Picture, ...]:
    """Draw all channels of a network's input as images.

    Args:
        array: As the recipe makes it, shape ``(channels, height, width)``.
        recipe: Flow of true magnitude becomes colours and its strain gray, a dynamic image is laid
            on middle gray, everything else is in 0..255. A frame behind flow is a picture of its
            own.
    """
    if recipe.flow is None:
        return (_frame(array, recipe),)
    count = recipe.flow_channels or 2
    pictures = [*_flow(array[:count], recipe)]
    if recipe.kinds[-1] == FLOW_AND_DEPTH:
        full = round_up(float(np.abs(array[-1]).max()))
        gray = _rgb(127.5 * (1 + array[-1:] / full))
        pictures.append(Picture(title="depth", words=f"white is {full:g} nearer", rgb=gray))
    elif recipe.flow_channels < len(array) and recipe.flow_channels:
        pictures.append(Picture(title="apex frame", rgb=_rgb(array[count:]), is_image=True))
    return tuple(pictures)


def _flow(planes: NDArray[np.float32], recipe: Recipe) -> list[Picture]:
    if recipe.stretched:
        missing = 3 - len(planes)
        return [
            Picture(
                title="flow, 8 bit",
                words="red is u, green v" + ("" if missing else ", blue strain"),
                rgb=_rgb(np.pad(planes, ((0, missing), (0, 0), (0, 0)))),
            )
        ]
    full_px = round_up(float(np.quantile(np.hypot(*planes[:2]), _FULL_QUANTILE)))
    words = f"hue is direction, full colour {full_px:g}{'' if recipe.recovered else ' px'}"
    colours = _eight_bit(255 * flow_to_rgb(planes[:2], full_px))
    made = [Picture(title="flow", words=words, rgb=colours)]
    if len(planes) == 3:
        full = round_up(float(np.quantile(planes[2], _FULL_QUANTILE)))
        gray = _rgb(255 * planes[2:] / full)
        made.append(Picture(title="strain", words=f"white is {full:g}", rgb=gray))
    return made


def _frame(array: NDArray[np.float32], recipe: Recipe) -> Picture:
    if isinstance(recipe.source, DynamicImageStep) and not recipe.stretched:
        rgb = _rgb(127.5 + array / 2)
        return Picture(title="dynamic image", words="gray is no movement", rgb=rgb)
    title = recipe.source.step.replace("_", " ")
    return Picture(title=title, rgb=_rgb(array), is_image=True)


def _rgb(planes: NDArray[np.floating]) -> NDArray[np.uint8]:
    """One or three planes of 0..255 as ``(height, width, 3)``."""
    three = np.repeat(planes, 3, axis=0) if len(planes) == 1 else planes
    return _eight_bit(np.moveaxis(three, 0, -1))


def _eight_bit(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(image).clip(0, 255), np.uint8)
