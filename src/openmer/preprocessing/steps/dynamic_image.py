"""The step that makes one image of a whole clip."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from openmer.preprocessing._dynamic_image import pooled, rank_pooling_weights
from openmer.preprocessing.flow._resample import resize_image
from openmer.preprocessing.steps._apex import three_planes
from openmer.preprocessing.steps._step import ALL_FRAMES, DYNAMIC_IMAGE, ClipData, Step


class DynamicImageStep(Step):
    """The dynamic image of onset to offset, by rank pooling: red, green, blue, signed, 0..255 wide.

    Shape ``(3, height, width)``. Where nothing moves it is zero; `stretch` makes 0..255 of it.

    Attributes:
        size: It becomes a square of this many pixels; 0 keeps the frames' own size.
        averaged: Rank the running means of the frames, as its paper does; false ranks the frames.
    """

    gives: ClassVar = dict.fromkeys(ALL_FRAMES, DYNAMIC_IMAGE)
    of_movement: ClassVar = True
    makes: ClassVar = 3
    in_colour: ClassVar = True

    step: Literal["dynamic_image"] = "dynamic_image"
    size: int = Field(default=0, ge=0)
    averaged: bool = True

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with the weighted sum of the frames, as three planes."""
        numbers = self.reads(data.clip, data.apex)
        shown = data.frames.between(numbers[0], numbers[-1])
        weights = rank_pooling_weights(len(shown.places), averaged=self.averaged)
        planes = three_planes(pooled(shown.all(), weights).astype(np.float32))
        made = resize_image(planes, self.size) if self.size else planes
        return replace(data, numbers=numbers, array=made)
