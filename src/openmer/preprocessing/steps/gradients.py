"""The step that makes the gradients of flow."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from openmer.preprocessing.flow._motion import flow_gradients
from openmer.preprocessing.steps._step import GRADIENTS, RECOVERED_FLOW, Array, Step


class GradientsStep(Step):
    """Divergence, curl and both shears of u and v, their lengths of root mean square 1."""

    gives: ClassVar = {RECOVERED_FLOW: GRADIENTS}
    makes: ClassVar = 4

    step: Literal["gradients"] = "gradients"

    def change(self, array: Array) -> Array:
        """Turn ``(channels, height, width)`` to ``(4, height, width)``."""
        return flow_gradients(array.astype(np.float64)).astype(np.float32)
