"""The step that takes square roots of flow, with their signs."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from openmer.preprocessing.flow._motion import power_normalise
from openmer.preprocessing.steps._step import (
    AVERAGED_FLOW,
    FLOW,
    GRADIENTS,
    RECOVERED_FLOW,
    Array,
    Step,
)


class PowerStep(Step):
    """The square root of each value with its sign; then all values of the clip at unit length."""

    gives: ClassVar = {
        FLOW: RECOVERED_FLOW,
        AVERAGED_FLOW: RECOVERED_FLOW,
        RECOVERED_FLOW: RECOVERED_FLOW,
        GRADIENTS: GRADIENTS,
    }

    step: Literal["power"] = "power"

    def change(self, array: Array) -> Array:
        """Return the same shape."""
        return power_normalise(array.astype(np.float64)).astype(np.float32)
