"""The step that makes 8 bits of an array."""

from __future__ import annotations

from typing import ClassVar, Literal

from openmer.preprocessing.flow._resample import stretch_8bit
from openmer.preprocessing.steps._step import (
    AVERAGED_FLOW,
    DYNAMIC_IMAGE,
    FLOW,
    STRETCHED_FLOW,
    STRETCHED_IMAGE,
    Array,
    Step,
)


class StretchStep(Step):
    """Stretch each channel of the clip to 0..255 and round: the form of the STSTNet authors."""

    gives: ClassVar = {
        FLOW: STRETCHED_FLOW,
        AVERAGED_FLOW: STRETCHED_FLOW,
        DYNAMIC_IMAGE: STRETCHED_IMAGE,
    }

    step: Literal["stretch"] = "stretch"

    def change(self, array: Array) -> Array:
        """Return the same shape, whole numbers in 0..255."""
        return stretch_8bit(array)
