"""The step that resizes flow."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from openmer.preprocessing.flow._resample import resize_flow
from openmer.preprocessing.steps._step import FLOW, Array, Step


class ResizeStep(Step):
    """Make the flow a square of `size` pixels, u and v in pixels of the new size."""

    gives: ClassVar = {FLOW: FLOW}

    step: Literal["resize"] = "resize"
    size: int = Field(ge=1)

    def change(self, array: Array) -> Array:
        """Turn ``(channels, height, width)`` to ``(channels, size, size)``."""
        return resize_flow(array, self.size)
