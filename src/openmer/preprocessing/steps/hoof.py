"""The step that makes histograms of oriented optical flow."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from openmer.preprocessing.steps._orientation import ORIENTATIONS, magnitude_histograms
from openmer.preprocessing.steps._step import FLOW, RECOVERED_FLOW, Array, Step


class HoofStep(Step):
    """HOOF in `size` x `size` cells: magnitudes by direction, whose sum is 1 in each cell.

    Directions that differ by a flip count as one, as in the paper (Chaudhry et al. 2009, CVPR).
    """

    gives: ClassVar = dict.fromkeys((FLOW, RECOVERED_FLOW), ORIENTATIONS)

    step: Literal["hoof"] = "hoof"
    size: int = Field(ge=1)
    bins: int = Field(default=8, ge=2)

    def channels(self, before: int) -> int:  # noqa: ARG002
        """Return one channel for each bin."""
        return self.bins

    def change(self, array: Array) -> Array:
        """Turn u, v ``(2 or more, height, width)`` to ``(bins, size, size)``."""
        found = magnitude_histograms(array, self.bins, self.size, halved=True)
        total = found.sum(0, keepdims=True)
        changed: Array = found / (total + (total == 0))
        return changed
