"""Change the contrast of an image about its mean."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from openmer.augmentation._augmentation import Augmentation, Draws, Planes, column, on_image, signed


class Contrast(Augmentation):
    """More or less contrast in an image; flow is left alone.

    Attributes:
        share: Largest relative change, either way.
    """

    name: ClassVar[str] = "contrast"
    numbers: ClassVar[int] = 1

    share: float = 0.2

    def sample(self, draws: Draws, shape: tuple[int, int, int]) -> Tensor:  # noqa: ARG002
        """Draw the relative change of each sample, float32, ``(samples,)``."""
        return (self.share * signed(draws.uniform(self.numbers)[:, 0])).float()

    def apply(self, batch: Tensor, parameters: Tensor, channels: Planes) -> Tensor:
        """Move the image channels away from the image's mean or towards it."""
        flow, image = on_image(batch, channels)
        mean = image.mean((1, 2, 3), keepdim=True)
        return torch.cat([flow, (image - mean) * column(1 + parameters) + mean], dim=1)
