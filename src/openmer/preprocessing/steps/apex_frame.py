"""The step that takes the apex frame as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from openmer.clip import Clip
from openmer.errors import DataError
from openmer.preprocessing._frame_sequence import FrameSequence, movement
from openmer.preprocessing.flow._resample import resize_image
from openmer.preprocessing.steps._apex import apex_number, in_clip, search_record, three_planes
from openmer.preprocessing.steps._step import ALL_FRAMES, IMAGE, ApexPolicy, ClipData, Step


class ApexFrameStep(Step):
    """The apex frame itself, red, green and blue in 0..255: ``(3, height, width)``.

    Attributes:
        size: It becomes a square of this many pixels; 0 keeps its own size.
        apex: As in the step `flow`.
    """

    gives: ClassVar = dict.fromkeys(ALL_FRAMES, IMAGE)
    makes: ClassVar = 3
    in_colour: ClassVar = True

    step: Literal["apex_frame"] = "apex_frame"
    size: int = Field(default=0, ge=0)
    apex: ApexPolicy = "annotated-or-middle"

    def record(self) -> dict[str, object]:
        """Return what its numbers depend on."""
        return {**super().record(), **search_record(self.apex)}

    def reads(self, clip: Clip, apex: ApexPolicy) -> tuple[int, ...]:
        """Return the frames it takes; to look for the apex, all from onset to offset."""
        return tuple(movement(clip, self.step)) if apex == "flow" else self.frame_numbers(clip)

    def frame_numbers(self, clip: Clip, frames: FrameSequence | None = None) -> tuple[int]:
        """Return the number of a clip's apex frame, from 0.

        Args:
            clip: With frames.
            frames: As in the step `flow`.

        Raises:
            DataError: The clip has no apex, and not both onset and offset; or not this frame; or
                it lacks what its policy needs.
        """
        apex = apex_number(clip, self.apex, frames)
        if apex is None:
            raise DataError(
                f"{clip.key}: an apex is needed, or an onset and an offset, found onset "
                f"{clip.onset}, apex {clip.apex}, offset {clip.offset}. Annotate them."
            )
        return (in_clip(clip, apex, "apex"),)

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with the apex frame as three planes."""
        numbers = self.frame_numbers(data.clip, data.aligned)
        (image,) = data.frames.at(*numbers)
        return replace(data, numbers=numbers, array=self.planes(image))

    def planes(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an image ``(height, width, 3)`` or gray ``(height, width)`` as three planes."""
        planes = three_planes(image)
        return resize_image(planes, self.size) if self.size else planes
