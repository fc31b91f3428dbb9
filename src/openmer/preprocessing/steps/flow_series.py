"""The step that measures the flow from the onset to each of some later frames."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from openmer.preprocessing.flow._flow import flow_method, optical_flow
from openmer.preprocessing.flow._resample import resize_flow, resize_image
from openmer.preprocessing.steps._step import ALL_FRAMES, Array, ClipData, Step
from openmer.preprocessing.steps.frame_series import spaced

FLOW_SERIES = "flow series"


class FlowSeriesStep(Step):
    """Flow from the onset to each of `n_frames` later frames, evenly spaced to the offset.

    Shape ``(2 * n_frames, height, width)``: u and v of the first, u and v of the second, ...; in
    pixels of the size that it gives. A movement of fewer frames shows some of them twice.

    Attributes:
        method: As of the step `flow`.
        n_frames: Frames after the onset; the last is the offset.
        pixels: Frames become squares of this many pixels first; 0 keeps their own size.
        size: The flow becomes a square of this many pixels; 0 leaves it.
    """

    gives: ClassVar = dict.fromkeys(ALL_FRAMES, FLOW_SERIES)
    of_movement: ClassVar = True

    step: Literal["flow_series"] = "flow_series"
    method: str = "tvl1"
    n_frames: int = Field(ge=1)
    pixels: int = Field(default=0, ge=0)
    size: int = Field(default=0, ge=0)

    def channels(self, before: int) -> int:  # noqa: ARG002
        """Return 2 for each frame after the onset."""
        return 2 * self.n_frames

    def record(self) -> dict[str, object]:
        """Return what its numbers depend on, the version of the method included."""
        return {**super().record(), "method_version": flow_method(self.method).version}

    def output_size(self, before: int | None) -> int | None:  # noqa: ARG002
        """Return `size`, or the size that flow is measured at; None for that of the frames."""
        return self.size or self.pixels or None

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with the flows."""
        numbers = self.reads(data.clip, data.apex)
        frames = spaced(data, self.n_frames + 1, numbers)
        onset, *later = [resize_image(f, self.pixels) if self.pixels else f for f in frames]
        flows = [optical_flow(onset, frame, method=self.method) for frame in later]
        sized = [resize_flow(flow, self.size) if self.size else flow for flow in flows]
        return replace(data, numbers=numbers, array=np.concatenate(sized))

    def flip(self, array: Array, kind: str) -> Array:  # noqa: ARG002
        """Return the flows of the flipped clip."""
        return flipped_series(array)


def flipped_series(array: Array) -> Array:
    """Return ``(..., u and v of each frame, height, width)`` in a flip: every u turns round."""
    flipped = array[..., ::-1].copy()
    flipped[..., ::2, :, :] *= -1
    return flipped
