"""Add the same to every pixel of an image."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from openmer.augmentation._augmentation import Augmentation, Draws, Planes, column, on_image, signed


class Brightness(Augmentation):
    """More or less light in an image of 0..255, where it stays; flow is left alone.

    Attributes:
        share: Largest change, either way, as a share of 255.
    """

    name: ClassVar[str] = "brightness"
    numbers: ClassVar[int] = 1

    share: float = 0.1

    def sample(self, draws: Draws, shape: tuple[int, int, int]) -> Tensor:  # noqa: ARG002
        """Draw what is added to each sample, float32, ``(samples,)``."""
        return (255 * self.share * signed(draws.uniform(self.numbers)[:, 0])).float()

    def apply(self, batch: Tensor, parameters: Tensor, channels: Planes) -> Tensor:
        """Add what was drawn to the image channels."""
        flow, image = on_image(batch, channels)
        return torch.cat([flow, (image + column(parameters)).clamp(0, 255)], dim=1)
