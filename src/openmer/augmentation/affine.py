"""Turn, scale, shift and resize images by one interpolation."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from openmer.augmentation._augmentation import Augmentation, Draws, Planes, signed
from openmer.errors import ConfigError


class Affine(Augmentation):
    """A turn, a change of size and a shift of an image, which is brought to another size at once.

    Attributes:
        rotation_deg: Largest turn to either side, in degrees.
        scale: Largest relative change of size, as 0.1 for 0.9..1.1 times.
        shift: Largest shift along either axis, as a share of the side.
        size: Side of the result in pixels; 0 keeps that of the image.
    """

    name: ClassVar[str] = "affine"
    numbers: ClassVar[int] = 4

    rotation_deg: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    size: int = 0

    def sample(self, draws: Draws, shape: tuple[int, int, int]) -> Tensor:  # noqa: ARG002
        """Draw angle in radians, relative size and shift of each sample, ``(samples, 4)``."""
        limits = (math.radians(self.rotation_deg), self.scale, 2 * self.shift, 2 * self.shift)
        uniform = draws.uniform(self.numbers)
        drawn = [limit * signed(uniform[:, place]) for place, limit in enumerate(limits)]
        return torch.stack(drawn, dim=1).float()

    def apply(self, batch: Tensor, parameters: Tensor, channels: Planes) -> Tensor:
        """Warp each image.

        Raises:
            ConfigError: There is flow among the channels, the values of which a turn would change.
        """
        if channels.flow:
            raise ConfigError("Affine takes images, found channels of flow. Use Translate.")
        angle, scale, shift_x, shift_y = parameters.T
        zoom = 1 / (1 + scale)
        cosine, sine = zoom * torch.cos(angle), zoom * torch.sin(angle)
        rows = [cosine, -sine, shift_x, sine, cosine, shift_y]
        return _warp(batch, self.size or batch.shape[-1], torch.stack(rows, 1).view(-1, 2, 3))


def resize_images(images: Tensor, size: int) -> Tensor:
    """Bring images to another size by the interpolation of `Affine` and nothing else."""
    identity = torch.eye(2, 3, device=images.device).expand(len(images), 2, 3)
    return images if images.shape[-1] == size else _warp(images, size, identity)


def _warp(images: Tensor, size: int, matrices: Tensor) -> Tensor:
    """Warp by matrices from places of the result to places of the image, both -1..1."""
    grid = F.affine_grid(matrices, [*images.shape[:2], size, size], align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
