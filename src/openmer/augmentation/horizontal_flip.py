"""Flip left and right."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from openmer.augmentation._augmentation import Augmentation, Draws, Planes, column
from openmer.preprocessing import flip_flow


class HorizontalFlip(Augmentation):
    """Left and right swapped; in flow, u changes its sign.

    Attributes:
        probability: Chance of a flipped sample.
    """

    name: ClassVar[str] = "horizontal_flip"
    numbers: ClassVar[int] = 1

    probability: float = 0.5

    def sample(self, draws: Draws, shape: tuple[int, int, int]) -> Tensor:  # noqa: ARG002
        """Draw whether each sample is flipped, bool, ``(samples,)``."""
        return draws.uniform(self.numbers)[:, 0] < self.probability

    def apply(self, batch: Tensor, parameters: Tensor, channels: Planes) -> Tensor:
        """Flip the samples that are drawn to be."""
        if channels.flow:
            flipped = flip_flow(batch, stretched=channels.stretched)
        else:
            flipped = batch.flip(-1)
        return torch.where(column(parameters), flipped, batch)
