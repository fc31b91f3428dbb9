"""The step that makes local binary patterns of six intersection points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from pydantic import Field

from openmer.preprocessing.steps._step import Array, Step
from openmer.preprocessing.steps._three_planes import Numbers, OfThreePlanes, signs

_SIX = np.array([[0, 0, 1], [0, 0, -1], [0, 1, 0], [0, -1, 0], [1, 0, 0], [-1, 0, 0]])


class LbpSipStep(OfThreePlanes, Step):
    """LBP-SIP: patterns of the neighbours along the three axes, in cells; 64 bins.

    Wang, See, Phan, Oh (2014), ACCV.

    Attributes:
        size: Cells along a side.
        pixels: Frames become squares of this many pixels first; 0 keeps their own size.
    """

    step: Literal["lbp_sip"] = "lbp_sip"
    size: int = Field(ge=1)
    pixels: int = Field(default=0, ge=0)

    def parts(self, volume: Array) -> Iterator[tuple[Numbers, Array, int]]:
        """Yield the patterns, all of weight 1."""
        labels = signs(volume, _SIX)
        yield labels, np.ones(labels.shape, np.float32), 64

    def flipped_bins(self) -> Numbers:
        """Return the patterns with right and left exchanged."""
        codes = np.arange(64)
        return codes & ~3 | (codes & 1) << 1 | (codes & 2) >> 1
