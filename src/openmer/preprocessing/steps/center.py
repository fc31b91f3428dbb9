"""The step that takes each channel of flow about its median."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from openmer.preprocessing.flow._motion import center_flow
from openmer.preprocessing.steps._step import FLOW, RECOVERED_FLOW, STRETCHED_FLOW, Array, Step


class CenterStep(Step):
    """Each channel of flow less its median, over its root mean square; it has no unit any more."""

    gives: ClassVar = {
        FLOW: RECOVERED_FLOW,
        STRETCHED_FLOW: RECOVERED_FLOW,
        RECOVERED_FLOW: RECOVERED_FLOW,
    }

    step: Literal["center"] = "center"

    def change(self, array: Array) -> Array:
        """Return the same shape."""
        return center_flow(array.astype(np.float64)).astype(np.float32)
