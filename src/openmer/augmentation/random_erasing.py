"""Erase a rectangle."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor

from openmer.augmentation._augmentation import Augmentation, Draws, Planes, signed

_LONGEST = 3.0  # one side of a rectangle against its other side
_GRAY = 127.5


class RandomErasing(Augmentation):
    """A rectangle erased in a share of the samples, the same in all channels.

    Attributes:
        probability: Chance of a rectangle.
        area: Least and largest share of the area.
        fill: ``mean`` of the sample's channel, and 0 in flow in pixels, in whole pixels; or middle
            ``gray``, in the pixels whose centre is inside.
    """

    name: ClassVar[str] = "random_erasing"
    numbers: ClassVar[int] = 5

    probability: float = 0.5
    area: tuple[float, float] = (0.02, 0.2)
    fill: Literal["mean", "gray"] = "mean"

    def sample(self, draws: Draws, shape: tuple[int, int, int]) -> Tensor:
        """Draw top, bottom, left and right edge in pixels, ``(samples, 4)``."""
        uniform = draws.uniform(self.numbers)
        area = self.area[0] + (self.area[1] - self.area[0]) * uniform[:, 1]
        edges: list[Tensor] = []
        for axis, (side, length) in enumerate(
            zip(shape[1:], self._lengths(area, uniform[:, 2], shape[1:]), strict=True)
        ):
            start = uniform[:, 3 + axis] * (side - length + (self.fill == "mean"))
            start = start.floor() if self.fill == "mean" else start
            edges += [start, start + length]
        drawn = uniform[:, :1] < self.probability
        return torch.where(drawn, torch.stack(edges, dim=1), 0).float()

    def _lengths(
        self, area: Tensor, uniform: Tensor, sides: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Compute height and width in pixels; neither is longer than the sample."""
        height, width = sides
        if self.fill == "gray":
            ratio, pixels = torch.exp(math.log(_LONGEST) * signed(uniform)), height * width * area
            tall, wide = (pixels * ratio).sqrt(), (pixels / ratio).sqrt()
            return tall.clamp_max(height), wide.clamp_max(width)
        ratio = (1 / area).clamp_max(_LONGEST) ** signed(uniform)
        tall, wide = (area * ratio).sqrt() * height, (area * (1 / ratio)).sqrt() * width
        return tall.round().clamp(1, height), wide.round().clamp(1, width)

    def apply(self, batch: Tensor, parameters: Tensor, channels: Planes) -> Tensor:
        """Fill each rectangle."""
        top, bottom, left, right = parameters.T[..., None]
        y, x = (torch.arange(side, device=batch.device) + 0.5 for side in batch.shape[-2:])
        inside = ((y >= top) & (y < bottom))[:, :, None] & ((x >= left) & (x < right))[:, None]
        return torch.where(inside[:, None], self._fills(batch, channels), batch)

    def _fills(self, batch: Tensor, channels: Planes) -> Tensor:
        """Compute what stands in a rectangle, ``(samples, channels, 1, 1)`` or one number."""
        if self.fill == "gray":
            return torch.tensor(_GRAY, device=batch.device)
        fill = batch.mean((-2, -1), keepdim=True)
        if not channels.stretched:  # then no motion is 0
            fill[:, : channels.flow] = 0
        return fill
