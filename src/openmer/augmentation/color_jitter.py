"""Change brightness, contrast and saturation of an image by factors."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from openmer.augmentation._augmentation import Augmentation, Draws, Planes, column, on_image, signed
from openmer.preprocessing import LUMA


class ColorJitter(Augmentation):
    """Brightness, then contrast about the image's mean, then saturation about each gray level.

    Flow is left alone. A single image channel is gray and has no saturation.

    Attributes:
        share: Largest relative change of each, either way.
    """

    name: ClassVar[str] = "color_jitter"
    numbers: ClassVar[int] = 3

    share: float = 0.2

    def sample(self, draws: Draws, shape: tuple[int, int, int]) -> Tensor:  # noqa: ARG002
        """Draw the three relative changes of each sample, float32, ``(samples, 3)``."""
        return (1 + self.share * signed(draws.uniform(self.numbers))).float() - 1

    def apply(self, batch: Tensor, parameters: Tensor, channels: Planes) -> Tensor:
        """Change the image channels; what is added is 0 where the change is."""
        flow, image = on_image(batch, channels)
        if not image.shape[1]:
            return batch
        brightness, contrast, saturation = (column(change) for change in parameters.T)
        image = image + brightness * image
        image = image + contrast * (image - image.mean((1, 2, 3), keepdim=True))
        if image.shape[1] == len(LUMA):
            luma = torch.tensor(LUMA, device=batch.device)[:, None, None]
            image = image + saturation * (image - (image * luma).sum(1, keepdim=True))
        return torch.cat([flow, image], dim=1)
