"""A step size that falls when a score stops rising."""

from __future__ import annotations

import math
from dataclasses import dataclass

from openmer.training._config import Stage


@dataclass
class Plateau:
    """Follows one model's score through a stage of the schedule ``plateau``.

    As Keras has it, but that any better score counts, be it by ever so little. Patience is counted
    again after each fall. A score equal to the best is no gain, although a validation accuracy that
    is reached again keeps the later epoch.

    Attributes:
        best: The best score so far.
        waited: Epochs since then, or since the last fall.
        rate: The step size now, as a share of the stage's.
    """

    best: float = -math.inf
    waited: int = 0
    rate: float = 1.0

    def follow(self, score: float, stage: Stage) -> bool:
        """Whether the step size falls by `Stage.plateau_factor` after an epoch of this score.

        Args:
            score: Higher is better.
            stage: The present stage; of another schedule, the step size never falls.
        """
        if stage.schedule != "plateau":
            return False
        better = score > self.best
        self.best = max(self.best, score)
        self.waited = 0 if better else self.waited + 1
        if self.waited < stage.plateau_patience:
            return False
        self.waited = 0
        self.rate *= stage.plateau_factor
        return True
