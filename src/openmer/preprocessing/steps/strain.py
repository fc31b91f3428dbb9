"""The step that appends optical strain."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from openmer.preprocessing.flow._strain import optical_strain
from openmer.preprocessing.steps._step import (
    FLOW,
    Array,
    Step,
)


class StrainStep(Step):
    """Append the optical strain: ``(u, v)`` becomes ``(u, v, strain)``."""

    gives: ClassVar = {FLOW: FLOW}

    step: Literal["strain"] = "strain"

    def change(self, array: Array) -> Array:
        """Turn ``(2, height, width)`` to ``(3, height, width)``."""
        return np.concatenate([array, optical_strain(array)])

    def channels(self, before: int) -> int:
        """Return 1 more."""
        return before + 1
