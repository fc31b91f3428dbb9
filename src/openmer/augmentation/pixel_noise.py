"""Add gray noise to some images."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from openmer.augmentation._augmentation import Augmentation, Draws, Planes, on_image, signed


class PixelNoise(Augmentation):
    """Even noise per pixel, the same in all channels, in a share of the images of 0..255.

    Attributes:
        probability: Chance that an image is changed.
        levels: Largest change, either way, in gray levels.
    """

    name: ClassVar[str] = "pixel_noise"

    probability: float = 0.5
    levels: float = 10.0

    def sample(self, draws: Draws, shape: tuple[int, int, int]) -> Tensor:
        """Draw what is added to each pixel, ``(samples, 1, height, width)``."""
        noise = self.levels * signed(draws.uniform(1, *shape[1:]))
        chosen = draws.uniform(1, 1, 1) < self.probability
        return torch.where(chosen, noise, 0).float()

    def apply(self, batch: Tensor, parameters: Tensor, channels: Planes) -> Tensor:
        """Add the noise to the image channels."""
        flow, image = on_image(batch, channels)
        return torch.cat([flow, (image + parameters).clamp(0, 255)], dim=1)
