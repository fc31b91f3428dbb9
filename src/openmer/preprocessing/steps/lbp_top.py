"""The step that makes local binary patterns on three orthogonal planes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Literal

import numpy as np
from pydantic import Field

from openmer.preprocessing.steps._step import Array, Step
from openmer.preprocessing.steps._three_planes import PLANES, Numbers, OfThreePlanes, signs

_CODES = np.arange(256)
_TURN = np.arange(8) * np.pi / 4


class LbpTopStep(OfThreePlanes, Step):
    """LBP-TOP: uniform patterns of 8 neighbours at distance 1 on XY, XT and YT, in cells.

    59 bins for each plane. Zhao, Pietikainen (2007), IEEE TPAMI 29.

    Attributes:
        size: Cells along a side.
        pixels: Frames become squares of this many pixels first; 0 keeps their own size.
    """

    step: Literal["lbp_top"] = "lbp_top"
    size: int = Field(ge=1)
    pixels: int = Field(default=0, ge=0)

    def parts(self, volume: Array) -> Iterator[tuple[Numbers, Array, int]]:
        """Yield the uniform patterns of each plane, all of weight 1."""
        table, _ = _uniform()
        for down, right in PLANES:
            steps = np.zeros((8, 3), np.int64)
            steps[:, down], steps[:, right] = -np.sin(_TURN).round(), np.cos(_TURN).round()
            labels = table[signs(volume, steps)]
            yield labels, np.ones(labels.shape, np.float32), 59

    def flipped_bins(self) -> Numbers:
        """Return the patterns of the flipped clip; YT stays as it is."""
        _, flipped = _uniform()
        return np.concatenate([flipped, 59 + flipped, 118 + np.arange(59)])


@cache
def _uniform() -> tuple[Numbers, Numbers]:
    """Return the bin of each pattern, the last for those that change more than twice; flipped."""
    bits = _CODES[:, None] >> np.arange(8) & 1
    is_uniform = (bits != np.roll(bits, 1, axis=1)).sum(1) <= 2
    table = np.where(is_uniform, np.cumsum(is_uniform) - 1, 58)
    other_way = (bits[:, (4 - np.arange(8)) % 8] << np.arange(8)).sum(1)
    flipped = np.full(59, 58)
    flipped[table[is_uniform]] = table[other_way[is_uniform]]
    return table, flipped
