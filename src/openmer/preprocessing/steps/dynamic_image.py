"""The step that makes one image of a whole clip."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from openmer.clip import Clip
from openmer.preprocessing._dynamic_image import pooled, rank_pooling_weights
from openmer.preprocessing._frame_sequence import FrameSequence, movement
from openmer.preprocessing.flow._resample import resize_image
from openmer.preprocessing.steps._apex import (
    three_planes,
)
from openmer.preprocessing.steps._step import (
    ALL_FRAMES,
    DYNAMIC_IMAGE,
    ApexPolicy,
    ClipData,
    Step,
)


class DynamicImageStep(Step):
    """The dynamic image of onset to offset, by rank pooling: red, green, blue, signed, 0..255 wide.

    Shape ``(3, height, width)``. Where nothing moves it is zero; `stretch` makes 0..255 of it.

    Attributes:
        size: It becomes a square of this many pixels; 0 keeps the frames' own size.
        averaged: Rank the running means of the frames, as its paper does; false ranks the frames.
    """

    gives: ClassVar = dict.fromkeys(ALL_FRAMES, DYNAMIC_IMAGE)
    in_colour: ClassVar = True

    step: Literal["dynamic_image"] = "dynamic_image"
    size: int = Field(default=0, ge=0)
    averaged: bool = True

    def channels(self, before: int) -> int:  # noqa: ARG002
        """Return 3: red, green and blue."""
        return 3

    def reads(self, clip: Clip, apex: ApexPolicy) -> tuple[int, ...]:  # noqa: ARG002
        """Return the numbers of the frames from onset to offset, from 0.

        Raises:
            DataError: The clip has no onset and later offset, or not these frames.
        """
        return self.frame_numbers(clip)

    def frame_numbers(self, clip: Clip, frames: FrameSequence | None = None) -> tuple[int, ...]:  # noqa: ARG002
        """Return the same."""
        return tuple(movement(clip, self.step))

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with the weighted sum of the frames, as three planes."""
        numbers = self.frame_numbers(data.clip)
        shown = data.frames.between(numbers[0], numbers[-1])
        weights = rank_pooling_weights(len(shown.places), averaged=self.averaged)
        planes = three_planes(pooled(shown.all(), weights).astype(np.float32))
        made = resize_image(planes, self.size) if self.size else planes
        return replace(data, numbers=numbers, array=made)
