"""The step that takes the motion of the whole head out of flow."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from openmer.preprocessing.flow._motion import residual_flow
from openmer.preprocessing.steps._step import RECOVERED_FLOW, Array, Step


class ResidualStep(Step):
    """u and v less the affine motion that fits them best, their lengths of root mean square 1."""

    gives: ClassVar = {RECOVERED_FLOW: RECOVERED_FLOW}

    step: Literal["residual"] = "residual"

    def change(self, array: Array) -> Array:
        """Return the same shape; strain, if there is any, as it is."""
        return residual_flow(array.astype(np.float64)).astype(np.float32)
