"""The steps of a recipe: strict records of their options, each with what it does.

Each step has a `version`, raised whenever its numbers change, so that no cached array outlives
them (that of the flow stands for reading the frames, too), and `never_after`: the steps that it
cannot follow. Here are the steps from array to array; those on frames are in `steps_clip`, those
from frames to an array in `steps_source`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from openmer.preprocessing._steps_clip import AlignStep, InterpolateStep, MagnifyStep
from openmer.preprocessing._steps_source import (
    ApexFrameStep,
    AppendApexStep,
    DynamicImageStep,
    FlowStep,
)
from openmer.preprocessing.flow._resample import average, resize_flow, stretch_8bit
from openmer.preprocessing.flow._strain import optical_strain

_STRICT = ConfigDict(frozen=True, strict=True, extra="forbid")
_NOT_ON_IMAGES = frozenset({"apex_frame", "dynamic_image", "append_apex"})


class StrainStep(BaseModel):
    """Append the optical strain: ``(u, v)`` becomes ``(u, v, strain)``."""

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = _NOT_ON_IMAGES | {"stretch", "average"}

    step: Literal["strain"] = "strain"

    def apply(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(2, height, width)`` to ``(3, height, width)``."""
        return np.concatenate([array, optical_strain(array)])


class ResizeStep(BaseModel):
    """Make the flow a square of `size` pixels, u and v in pixels of the new size."""

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = _NOT_ON_IMAGES | {"stretch", "average"}

    step: Literal["resize"] = "resize"
    size: int = Field(ge=1)

    def apply(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(channels, height, width)`` to ``(channels, size, size)``."""
        return resize_flow(array, self.size)


class StretchStep(BaseModel):
    """Stretch each channel of the clip to 0..255 and round: the form of the STSTNet authors."""

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = frozenset({"apex_frame", "append_apex"})

    step: Literal["stretch"] = "stretch"

    def apply(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same shape, whole numbers in 0..255."""
        return stretch_8bit(array)


class AverageStep(BaseModel):
    """Means over `size` x `size` cells; values keep their unit."""

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = frozenset({"apex_frame", "append_apex"})

    step: Literal["average"] = "average"
    size: int = Field(ge=1)

    def apply(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(channels, height, width)`` to ``(channels, size, size)``."""
        return average(array, self.size)


ClipStep = MagnifyStep | InterpolateStep
Source = FlowStep | ApexFrameStep | DynamicImageStep
ArrayStep = StrainStep | ResizeStep | StretchStep | AverageStep
Step = AlignStep | ClipStep | Source | ArrayStep | AppendApexStep
