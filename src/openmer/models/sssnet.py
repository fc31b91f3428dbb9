"""SSSNet, one shallow stream on the flow from onset to apex."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._registry import register_model


class _ChannelDropout(nn.Module):
    """Drop whole maps."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.drop = nn.Dropout(share)

    def forward(self, maps: Tensor) -> Tensor:
        kept: Tensor = self.drop(torch.ones_like(maps[:, :, :1, :1]))
        return maps * kept


@register_model("sssnet")
class SSSNet(nn.Module):
    """Flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    A 5x5 convolution of 32 filters with 3x3 max pooling, a 3x3 convolution of 64 filters with 2x2
    max pooling, each with ReLU before and batch norm and dropout of whole maps after the pooling;
    a layer of 256 units with dropout, and the classifier. 1,349,251 parameters at 64 pixels.

    Args:
        in_channels: Channels of the input; 3 in the paper (u, v, optical strain).
        num_classes: Classes; 3 in the paper's code.
        size: Input height and width in pixels, at least 16; 64 in the authors' code.
        dropout: Share of maps and of units dropped in training; 0.5 in the authors' code.

    Raises:
        ConfigError: The input is smaller.

    References:
        Varanka, Peng, Zhao (2021), Micro-expression recognition with noisy labels, IS&T Electronic
        Imaging. Sizes are facts of the authors' code, tvaranka/meb.

    Differences:
        None known in the network; the authors give it 64 pixels.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 28,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        side = ((size - 4) // 3 - 2) // 2
        if side < 1:
            raise ConfigError(f"SSSNet needs an input of at least 16x16, not {size}x{size}.")
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 32, 5),
            nn.ReLU(),
            nn.MaxPool2d(3),
            nn.BatchNorm2d(32),
            _ChannelDropout(dropout),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(64),
            _ChannelDropout(dropout),
            nn.Flatten(),
            nn.Linear(64 * side**2, 256),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.head = nn.Linear(256, num_classes)

    def forward(self, flow: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of flow ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(flow))
        return logits
