"""Flow as colours: hue says where to, strength says how far; and the wheel that explains them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# Twelve hues round the circle of directions, clockwise from right in an image. Chosen, not the
# plain HSV circle, so that opposite directions differ in hue and all are about equally bright.
_HUES_RGB = (
    (214, 60, 52), (232, 117, 30), (232, 166, 20), (166, 176, 32), (84, 165, 60), (22, 156, 120),
    (16, 150, 172), (24, 125, 200), (66, 92, 200), (118, 72, 190), (166, 58, 168), (202, 50, 112),
)  # fmt: skip


def flow_to_rgb(flow_xy: NDArray[np.floating], full_px: float) -> NDArray[np.float64]:
    """Colours of a flow field; white is no movement.

    Args:
        flow_xy: Displacement in pixels, shape ``(2, height, width)``, u right, v down.
        full_px: Length in pixels that has the full colour; longer ones have it, too.

    Returns:
        Red, green and blue in 0..1, shape ``(height, width, 3)``.
    """
    u, v = flow_xy.astype(np.float64)
    circle = np.array([*_HUES_RGB, _HUES_RGB[0]]) / 255
    place = (np.arctan2(v, u) % (2 * math.pi)) / (2 * math.pi) * len(_HUES_RGB)
    below = np.minimum(place.astype(int), len(_HUES_RGB) - 1)
    share = (place - below)[..., None]
    colour = circle[below] * (1 - share) + circle[below + 1] * share
    strength = np.clip(np.hypot(u, v) / full_px, 0, 1)[..., None]
    return np.asarray(1 - strength * (1 - colour))


def colour_wheel(side: int = 201) -> NDArray[np.float64]:
    """Draw the legend of `flow_to_rgb`: each colour stands where its movement points to.

    Args:
        side: Width and height in pixels; the rim of the disc is the length with the full colour.

    Returns:
        Red, green, blue and opacity in 0..1, shape ``(side, side, 4)``; clear outside of the disc.
    """
    axis = np.linspace(-1, 1, side)
    flow_xy = np.stack(np.meshgrid(axis, axis))
    inside = np.hypot(*flow_xy) <= 1
    return np.dstack([flow_to_rgb(flow_xy, 1.0), inside.astype(float)])


def round_up(length: float) -> float:
    """Round a length up to one or two plain digits, for a legend; 1 for none."""
    if not length > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(length))
    steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 10)
    return next(step * power for step in steps if step * power >= length * (1 - 1e-9))
