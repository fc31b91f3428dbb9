"""The step that takes the mean motion in the main direction of each cell."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from openmer.preprocessing.flow._resample import average
from openmer.preprocessing.steps._orientation import by_bin
from openmer.preprocessing.steps._step import FLOW, RECOVERED_FLOW, Array, Step

MAIN_FLOW = "main flow"
_TINY = 1e-12


class MainDirectionStep(Step):
    """MDMO in `size` x `size` cells: u and v, their mean over the pixels of the fullest bin.

    Liu, Zhang, Yan, Wang, Zhao, Fu (2016), IEEE Transactions on Affective Computing 7. The paper
    has 36 regions between landmarks in place of cells, and polar coordinates.
    """

    gives: ClassVar = dict.fromkeys((FLOW, RECOVERED_FLOW), MAIN_FLOW)
    makes: ClassVar = 2

    step: Literal["main_direction"] = "main_direction"
    size: int = Field(ge=1)
    bins: int = Field(default=8, ge=2, multiple_of=4)

    def change(self, array: Array) -> Array:
        """Turn u, v ``(2 or more, height, width)`` to ``(2, size, size)``."""
        u, v = array[:2]
        counts = average(by_bin(u, v, np.ones_like(u), self.bins), self.size)
        lengths = average(by_bin(u, v, np.hypot(u, v), self.bins), self.size)
        shares = lengths / (lengths.sum(0) + _TINY)  # of equal counts the one that moves more
        main = (counts + 1e-4 * shares).argmax(0)[None]
        sums = [average(by_bin(u, v, part, self.bins), self.size) for part in (u, v)]
        most = np.take_along_axis(counts, main, 0)
        found = [np.take_along_axis(part, main, 0) / most for part in sums]
        return np.concatenate(found).astype(np.float32)
