"""The step that shows a movement with another number of frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from openmer.preprocessing._frame_sequence import FrameSequence, Image
from openmer.preprocessing._interpolate import interpolation_weights
from openmer.preprocessing.steps._step import (
    ALIGNED,
    FRAMES,
    INTERPOLATED,
    MAGNIFIED,
    ClipData,
    Step,
)


class InterpolateStep(Step):
    """Show the movement from onset to offset with `n_frames` frames (temporal interpolation).

    Stands after `align` and `magnify`, before `flow`, `apex_frame` or `dynamic_image`. Onset and
    apex are then the new frames nearest to them.

    Attributes:
        n_frames: Frames, at least 2, evenly spaced from the onset to the offset.
        method: "tim", the temporal interpolation model of the field; "linear"; or "bandlimited".
    """

    gives: ClassVar = dict.fromkeys((FRAMES, ALIGNED, MAGNIFIED), INTERPOLATED)
    uses_fps: ClassVar = True
    of_movement: ClassVar = True

    step: Literal["interpolate"] = "interpolate"
    n_frames: int = Field(ge=2)
    method: Literal["tim", "linear", "bandlimited"] = "tim"

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with another number of frames from onset to offset."""
        numbers = self.reads(data.clip, data.apex)
        before = data.frames.between(numbers[0], numbers[-1])
        weights = interpolation_weights(len(before.places), self.n_frames, method=self.method)
        steps = Fraction(self.n_frames - 1, len(before.places) - 1)
        changed = FrameSequence(
            clip=data.clip,
            places=tuple(map(float, np.linspace(numbers[0], numbers[-1], self.n_frames))),
            fps=None if before.fps is None else before.fps * steps,
            images=lambda positions: _mixed(before, weights[list(positions)]),
        )
        return replace(data, frames=changed)


def _mixed(frames: FrameSequence, weights: NDArray[np.float64]) -> Iterator[Image]:
    """Return weighted sums of images, one for each row of weights; all are read once."""
    sums: list[Any] = [0.0] * len(weights)
    for column, image in zip(weights.T, frames.all(), strict=True):
        for place in np.flatnonzero(column):
            sums[place] = sums[place] + np.float32(column[place]) * image
    return iter(sums)
