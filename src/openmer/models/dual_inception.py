"""Dual-Inception, two streams of inception blocks on the flow components."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._registry import register_model


def _convolutions(*filters: int, kernels: tuple[int, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after, kernel in zip(filters[:-1], filters[1:], kernels, strict=True):
        layers += [nn.Conv2d(before, after, kernel, padding=kernel // 2), nn.ReLU()]
    return layers


class _Inception(nn.Module):
    """Four branches side by side, 1x1, 3x3, 5x5 and pooled, then 2x2 max pooling."""

    def __init__(self, before: int, filters: int) -> None:
        super().__init__()
        pool: nn.Module = nn.MaxPool2d(3, stride=1, padding=1)
        self.branches = nn.ModuleList(
            nn.Sequential(*layers)
            for layers in (
                _convolutions(before, filters, kernels=(1,)),
                _convolutions(before, filters, filters, kernels=(1, 3)),
                _convolutions(before, filters, filters, kernels=(1, 5)),
                [pool, *_convolutions(before, filters, kernels=(1,))],
            )
        )
        self.pool = nn.MaxPool2d(2)

    def forward(self, maps: Tensor) -> Tensor:
        joined: Tensor = self.pool(torch.cat([branch(maps) for branch in self.branches], dim=1))
        return joined


@register_model("dual_inception")
class DualInception(nn.Module):
    """Flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    The horizontal and the vertical component each pass two inception blocks, of four branches with
    6 and with 16 filters; both are concatenated and pass one hidden layer of 1,024 units.

    Args:
        in_channels: At least 2; channel 0 is u, channel 1 is v, further channels are not used.
        num_classes: Classes; 3 in the paper.
        size: Input height and width in pixels, a multiple of 4; 28 in the paper.
        width: Units of the hidden layer; 1,024 in the authors' code.

    Raises:
        ConfigError: There are not both components, or the size is another.

    References:
        Zhou, Mao, Xue (2019), Dual-Inception Network for Cross-Database Micro-Expression
        Recognition, FG. Filters are facts of the authors' code, xly135846/MEGC2019.

    Differences:
        The code reads each component as an image of three equal channels, which makes 6,449,963
        parameters; here it is one channel, and there are 96 weights fewer.
    """

    def __init__(
        self,
        *,
        in_channels: int = 2,
        num_classes: int = 3,
        size: int = 28,
        width: int = 1024,
    ) -> None:
        super().__init__()
        if in_channels < 2 or size % 4:
            raise ConfigError(
                "Dual-Inception reads u and v of a square whose side is a multiple of 4, "
                f"not {in_channels} channel(s) of {size}x{size}."
            )
        self.horizontal, self.vertical = (
            nn.Sequential(_Inception(1, 6), _Inception(24, 16), nn.Flatten()) for _ in range(2)
        )
        self.hidden = nn.Sequential(nn.Linear(2 * 64 * (size // 4) ** 2, width), nn.ReLU())
        self.head = nn.Linear(width, num_classes)

    def features(self, flow: Tensor) -> Tensor:
        """Return the hidden layer, ``(batch, width)``, which `head` reads."""
        streams = self.horizontal(flow[:, :1]), self.vertical(flow[:, 1:2])
        hidden: Tensor = self.hidden(torch.cat(streams, dim=1))
        return hidden

    def forward(self, flow: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of flow ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(flow))
        return logits
