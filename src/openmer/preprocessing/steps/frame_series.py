"""The step that gives some frames of a clip, one behind the other."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from openmer.preprocessing._frame_sequence import Image
from openmer.preprocessing.flow._resample import resize_image
from openmer.preprocessing.steps._apex import to_gray
from openmer.preprocessing.steps._step import ALL_FRAMES, Array, ClipData, Step

GRAY_SERIES = "gray series"


class FrameSeriesStep(Step):
    """Gray frames from onset to offset, evenly spaced: ``(n_frames, height, width)``, 0..255.

    A movement of fewer frames shows some of them twice; `interpolate` before it mixes new ones.

    Attributes:
        n_frames: Frames, at least 2: onset and offset are the first and the last.
        size: They become squares of this many pixels; 0 keeps their own size.
    """

    gives: ClassVar = dict.fromkeys(ALL_FRAMES, GRAY_SERIES)
    of_movement: ClassVar = True

    step: Literal["frame_series"] = "frame_series"
    n_frames: int = Field(ge=2)
    size: int = Field(default=0, ge=0)

    def channels(self, before: int) -> int:  # noqa: ARG002
        """Return the number of frames."""
        return self.n_frames

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with the frames, float32."""
        numbers = self.reads(data.clip, data.apex)
        frames = spaced(data, self.n_frames, numbers)
        sized = [resize_image(one, self.size) if self.size else one for one in frames]
        return replace(data, numbers=numbers, array=np.stack(sized))


def spaced(data: ClipData, count: int, numbers: tuple[int, ...]) -> list[Array]:
    """Return `count` gray images of a movement, each the first one at or after an even moment.

    Args:
        data: With the frames as the steps before have made them.
        count: Images, at least 2.
        numbers: Frames of the clip, from 0, of which the first and the last count.
    """
    shown = data.frames.between(numbers[0], numbers[-1])
    places = np.ceil(np.linspace(0, len(shown.places) - 1, count) - 1e-9).astype(int)
    wanted = sorted(set(places.tolist()))
    images: dict[int, Image] = dict(zip(wanted, shown.images(wanted), strict=True))
    gray = {place: to_gray(image).astype(np.float32) for place, image in images.items()}
    return [gray[place] for place in places.tolist()]
