"""Add Gaussian noise."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from openmer.augmentation._augmentation import Augmentation, Draws, Planes


class GaussianNoise(Augmentation):
    """Noise of its own in every value, flow included.

    Attributes:
        spread: Standard deviation in each channel, in the channel's unit.
    """

    name: ClassVar[str] = "gaussian_noise"

    spread: tuple[float, ...]

    def sample(self, draws: Draws, shape: tuple[int, int, int]) -> Tensor:
        """Draw what is added, float32, ``(samples, channels, height, width)``."""
        noise = draws.normal(*shape)
        spread = torch.tensor(self.spread, dtype=noise.dtype, device=noise.device)
        return noise * spread[:, None, None]

    def apply(self, batch: Tensor, parameters: Tensor, channels: Planes) -> Tensor:  # noqa: ARG002
        """Add the noise."""
        return batch + parameters
