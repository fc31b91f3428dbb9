"""The step that takes means over cells."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from openmer.errors import ConfigError
from openmer.preprocessing.flow._resample import average
from openmer.preprocessing.steps._step import (
    AVERAGED_FLOW,
    DYNAMIC_IMAGE,
    FLOW,
    GRADIENTS,
    RECOVERED_FLOW,
    STRETCHED_FLOW,
    STRETCHED_IMAGE,
    Array,
    Step,
)


class AverageStep(Step):
    """Means over `size` x `size` cells; values keep their unit."""

    gives: ClassVar = {
        FLOW: AVERAGED_FLOW,
        STRETCHED_FLOW: STRETCHED_FLOW,
        DYNAMIC_IMAGE: DYNAMIC_IMAGE,
        STRETCHED_IMAGE: STRETCHED_IMAGE,
        RECOVERED_FLOW: RECOVERED_FLOW,
        GRADIENTS: GRADIENTS,
    }

    step: Literal["average"] = "average"
    size: int = Field(ge=1)

    def change(self, array: Array) -> Array:
        """Turn ``(channels, height, width)`` to ``(channels, size, size)``."""
        return average(array, self.size)

    def output_size(self, before: int | None) -> int | None:
        """Return the size of the step.

        Raises:
            ConfigError: Cells are smaller than the pixels they are made of.
        """
        if before is not None and before < self.size:
            raise ConfigError(
                f"The step 'average' cannot make {self.size} x {self.size} cells of {before} x "
                f"{before} pixels. Choose a size of at most {before}."
            )
        return self.size
