"""The step that puts the apex frame behind the flow."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np

from openmer.preprocessing.flow._resample import resize_image
from openmer.preprocessing.steps._apex import three_planes
from openmer.preprocessing.steps._step import (
    AVERAGED_FLOW,
    FLOW,
    FLOW_AND_IMAGE,
    STRETCHED_FLOW,
    STRETCHED_FLOW_AND_IMAGE,
    ClipData,
    Step,
)


class AppendApexStep(Step):
    """Append the apex frame to flow: red, green and blue in 0..255, at the size of the flow.

    The same frame that the flow leads to. Stands last.
    """

    gives: ClassVar = {
        FLOW: FLOW_AND_IMAGE,
        AVERAGED_FLOW: FLOW_AND_IMAGE,
        STRETCHED_FLOW: STRETCHED_FLOW_AND_IMAGE,
    }
    in_colour: ClassVar = True

    step: Literal["append_apex"] = "append_apex"

    def channels(self, before: int) -> int:
        """Return 3 more: red, green and blue."""
        return before + 3

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with an array of ``(channels + 3, height, width)``."""
        array = data.array
        planes = three_planes(data.frames.at(*data.numbers)[-1])
        if planes.shape[1:] != array.shape[1:]:
            planes = resize_image(planes, array.shape[-1])
        return replace(data, array=np.concatenate([array, planes]))
