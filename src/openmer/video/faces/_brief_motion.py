"""How each part of a face has moved within the last tenth of a second, apart from the head.

Two pictures so near in time differ little: turning, speech and light disturb their flow less than
the flow since a reference picture.
"""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.video.faces._patch import CELLS, SIDE_PX, Patch
from openmer.video.spotting._motion import head_removed
from openmer.video.spotting._regions import Layout

Floats = NDArray[np.float64]

BACK_S = 0.1
_LEAST_S, _MOST_S = 0.05, 0.2  # between two pictures that are compared
_SMOOTH_PX = 2.5  # standard deviation, points of the flow
_NEARLY_S = 1e-3


class BriefMotion:
    """Keeps the patches of the last moments and compares each new one with them."""

    def __init__(self) -> None:
        self._solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._before: deque[tuple[float, Patch]] = deque()

    def forget(self) -> None:
        """Start again: what comes cannot be compared with what was."""
        self._before.clear()

    def see(self, time_s: float, even: Patch, layout: Layout) -> Floats:
        """Measure the movement since a tenth of a second ago, or the frame nearest to that.

        Args:
            time_s: Of this patch, later than of the last.
            even: Patch of the face, cut by its template, as `evened` gives it.
            layout: Where the parts of the face are in it.

        Returns:
            Mean movement of each cell, pixels of the patch, ``(CELLS, CELLS, 2)``: rows from above,
            x right and y down; not a number where there is nothing to compare with.
        """
        while len(self._before) > 1 and self._nearer_s(1, time_s) <= self._nearer_s(0, time_s):
            self._before.popleft()
        before = self._before[0] if self._before else None
        self._before.append((time_s, even))
        if before is None or not _LEAST_S - _NEARLY_S <= time_s - before[0] <= _MOST_S:
            return np.full((CELLS, CELLS, 2), np.nan)
        flow = self._solver.calc(before[1], even, np.zeros((SIDE_PX, SIDE_PX, 2), np.float32))
        left = head_removed(np.asarray(flow, np.float32), layout)
        rest = cv2.GaussianBlur(left, (0, 0), _SMOOTH_PX)
        return np.asarray(cv2.resize(rest, (CELLS, CELLS), interpolation=cv2.INTER_AREA))

    def _nearer_s(self, place: int, time_s: float) -> float:
        """Return how far a kept patch is from a tenth of a second ago."""
        return abs(time_s - self._before[place][0] - BACK_S) - _NEARLY_S * place
