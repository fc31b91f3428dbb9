"""The step that makes bi-weighted histograms of oriented optical flow."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from openmer.errors import ConfigError
from openmer.preprocessing.flow._resample import average
from openmer.preprocessing.steps._orientation import (
    ORIENTATIONS,
    flipped_bins,
    magnitude_histograms,
)
from openmer.preprocessing.steps._step import FLOW, RECOVERED_FLOW, Array, Step
from openmer.preprocessing.steps.append_phase import FLOW_AND_PHASE


class BiWoofStep(Step):
    """Bi-WOOF in `size` x `size` cells: magnitudes by direction times the cell's mean strain.

    Of u, v and strain, or what stands in its place. Liong, See, Wong, Phan (2018), Signal
    Processing: Image Communication 62.
    """

    gives: ClassVar = dict.fromkeys((FLOW, FLOW_AND_PHASE, RECOVERED_FLOW), ORIENTATIONS)

    step: Literal["bi_woof"] = "bi_woof"
    size: int = Field(ge=1)
    bins: int = Field(default=8, ge=2, multiple_of=2)

    def channels(self, before: int) -> int:
        """Return one channel for each bin.

        Raises:
            ConfigError: There is no strain to weigh by.
        """
        if before != 3:
            raise ConfigError(
                f"The step 'bi_woof' takes u, v and strain, found {before} channels. Put the step "
                "'strain' behind 'flow'."
            )
        return self.bins

    def change(self, array: Array) -> Array:
        """Turn ``(3, height, width)`` to ``(bins, size, size)``."""
        weights = average(array[2:], self.size)
        return magnitude_histograms(array, self.bins, self.size) * weights

    def flip(self, array: Array, kind: str) -> Array:  # noqa: ARG002
        """Return histograms of the flipped flow."""
        return flipped_bins(array)
