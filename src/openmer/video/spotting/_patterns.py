"""How the measurement of brief motion shows a small movement of the skin at a known place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.video.faces._patch import CELLS, SIDE_PX
from openmer.video.spotting._regions import points, usual_layout

Floats = NDArray[np.float64]
Pair = tuple[float, float]

PLACES = ("inner brow", "outer brow", "corner of the mouth", "cheek")
MIDDLES_PX: tuple[Pair, ...] = ((62, 29), (38, 27), (55, 121), (38, 93))
"""Middle of each of `PLACES` on the subject's right, pixels of the patch."""
SIDES = ((-1, 1), (-1,), (1,))  # both, the subject's right, left
REACH_PX = 10.7  # standard deviation of a movement: 8 % of the face's width

_BLUR_PX, _GAIN = 8.0, 0.9  # what flow makes of it
_SMOOTH = 2.5  # as the flow is smoothed, points
_STRAIGHT: tuple[Pair, ...] = ((0, -1), (0, 1), (-1, 0), (1, 0))
# Ways outward and down: along the axes, and those of expressions.
_WAYS = (
    (*_STRAIGHT, (-0.5, 0.87)),
    _STRAIGHT,
    (*_STRAIGHT, (0.6, -0.8), (0.2, 0.98)),
    _STRAIGHT,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patterns:
    """Movements that are looked for.

    Attributes:
        flow: How each is seen where it is 1 px of a face 200 px wide, ``(patterns, numbers)``: the
            cells by rows, x and y of each.
        place: Which of `PLACES` each is at, ``(patterns,)``.
        is_both: Those on both sides of the face, ``(patterns,)``.
    """

    flow: Floats
    place: NDArray[np.int64]
    is_both: NDArray[np.bool_]


@lru_cache(maxsize=1)
def known_patterns() -> Patterns:
    """Return the movements that are looked for: each place, way and side."""
    rows = [
        (place, sides, shown(MIDDLES_PX[place], way, sides))
        for place, ways in enumerate(_WAYS)
        for way in ways
        for sides in SIDES
    ]
    return Patterns(
        flow=np.stack([flow.ravel() for _, _, flow in rows]),
        place=np.array([place for place, _, _ in rows]),
        is_both=np.array([len(sides) == 2 for _, sides, _ in rows]),
    )


def shown(
    middle_px: Pair,
    outward_down: Pair,
    sides: Sequence[int],
    *,
    reach_px: float = REACH_PX,
    blur_px: float = _BLUR_PX,
    gain: float = _GAIN,
) -> Floats:
    """Compute how a movement of 1 px is seen: blurred, and what looks like the head's taken away.

    Args:
        middle_px: Its middle on the subject's right, pixels of the patch.
        outward_down: Its way, of length 1.
        sides: -1 for the subject's right, 1 for the left.
        reach_px: Standard deviation of the movement on the skin.
        blur_px: Standard deviation of the blur.
        gain: Share that flow keeps of it.

    Returns:
        ``(CELLS, CELLS, 2)``.
    """
    layout, at = usual_layout(), points()
    flow = np.zeros((len(at), 2))
    wide = reach_px**2 + blur_px**2
    for side in sides:
        own = (SIDE_PX / 2 + side * (SIDE_PX / 2 - middle_px[0]), middle_px[1])
        near = np.exp(-((at - own) ** 2).sum(1) / (2 * wide)) * reach_px**2 / wide
        flow += gain * near[:, None] * [side * outward_down[0], outward_down[1]]
    head = np.column_stack([at, np.ones(len(at)), layout.depth])
    weighted = (head * layout.skull[:, None]).T
    flow -= head @ np.linalg.solve(weighted @ head, weighted @ flow)
    across = int(np.sqrt(len(at)))
    blurred = cv2.GaussianBlur(flow.reshape(across, across, 2), (0, 0), _SMOOTH)
    return np.asarray(cv2.resize(blurred, (CELLS, CELLS), interpolation=cv2.INTER_AREA))
