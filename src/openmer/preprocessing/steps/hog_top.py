"""The step that makes histograms of gradients on three orthogonal planes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from pydantic import Field

from openmer.preprocessing.steps._step import Array, Step
from openmer.preprocessing.steps._three_planes import PLANES, Numbers, OfThreePlanes


class HogTopStep(OfThreePlanes, Step):
    """HOG-TOP, or HIGO-TOP without `weighted`: directions of gradients on XY, XT and YT, in cells.

    Li, Hong, Moilanen, Huang, Pfister, Zhao, Pietikainen (2018), IEEE TAC 9.

    Attributes:
        size: Cells along a side.
        pixels: Frames become squares of this many pixels first; 0 keeps their own size.
        bins: Directions of the whole circle, for each plane.
        weighted: Weigh each place by the length of its gradient, else all gradients alike.
    """

    step: Literal["hog_top"] = "hog_top"
    size: int = Field(ge=1)
    pixels: int = Field(default=0, ge=0)
    bins: int = Field(default=8, ge=2, multiple_of=2)
    weighted: bool = True

    def parts(self, volume: Array) -> Iterator[tuple[Numbers, Array, int]]:
        """Yield the direction of the gradient in each plane, centred on a bin, and its length."""
        gradients = np.gradient(volume)
        for down, right in PLANES:
            y, x = gradients[down], gradients[right]
            turns = np.arctan2(y, x) / (2 * np.pi)
            labels = np.floor(turns * self.bins + 0.5).astype(np.int64) % self.bins
            length = np.hypot(x, y)
            yield labels, length if self.weighted else (length > 0).astype(np.float32), self.bins

    def flipped_bins(self) -> Numbers:
        """Return the directions of the flipped clip; YT stays as it is."""
        own = np.arange(self.bins)
        flipped = (self.bins // 2 - own) % self.bins
        return np.concatenate([flipped, self.bins + flipped, 2 * self.bins + own])
