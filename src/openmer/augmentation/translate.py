"""Shift by whole pixels."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from openmer.augmentation._augmentation import Augmentation, Draws, Planes


class Translate(Augmentation):
    """A shift left, right, up or down; the border goes on into what becomes free.

    Attributes:
        share: Largest shift as a share of the width, at least one pixel; 0 is none.
    """

    name: ClassVar[str] = "translate"

    share: float = 0.03

    def sample(self, draws: Draws, shape: tuple[int, int, int]) -> Tensor:
        """Draw pixels to the right and down, whole numbers, ``(samples, 2)``."""
        axis, sign = draws.integers(0, 2), 2 * draws.integers(0, 2) - 1
        largest = max(1, round(self.share * shape[-1]))
        pixels = sign * draws.integers(1, largest + 1) * (self.share > 0)
        return torch.stack([pixels * (axis == 0), pixels * (axis == 1)], dim=1)

    def apply(self, batch: Tensor, parameters: Tensor, channels: Planes) -> Tensor:  # noqa: ARG002
        """Shift each sample."""
        height, width = batch.shape[-2:]
        x = torch.arange(width, device=batch.device) - parameters[:, :1]
        y = torch.arange(height, device=batch.device) - parameters[:, 1:]
        across = x.clamp(0, width - 1)[:, None, None, :].expand(batch.shape)
        down = y.clamp(0, height - 1)[:, None, :, None].expand(batch.shape)
        return batch.gather(3, across).gather(2, down)
