"""GoogLeNet, the first network of inception blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from openmer.models._enlarge import enlarging
from openmer.models._registry import register_model

# 1x1; 1x1 before 3x3, 3x3; 1x1 before 5x5, 5x5; 1x1 behind the pooling. None halves the maps.
_BLOCKS = (
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    None,
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
    None,
    (256, 160, 320, 32, 128, 128),
    (384, 192, 384, 48, 128, 128),
)


def _convolution(before: int, after: int, kernel: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, kernel, stride, kernel // 2)
    nn.init.kaiming_normal_(convolution.weight)  # no batch norm keeps the scale of 22 layers
    return nn.Sequential(convolution, nn.ReLU())


def _halved() -> nn.Module:
    return nn.MaxPool2d(3, stride=2, padding=1)


class _Inception(nn.Module):
    """Four branches side by side."""

    def __init__(self, before: int, filters: tuple[int, ...]) -> None:
        super().__init__()
        one, reduced, three, narrowed, five, pooled = filters
        self.branches = nn.ModuleList(
            (
                _convolution(before, one, 1),
                nn.Sequential(_convolution(before, reduced, 1), _convolution(reduced, three, 3)),
                nn.Sequential(_convolution(before, narrowed, 1), _convolution(narrowed, five, 5)),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), _convolution(before, pooled, 1)),
            )
        )

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([branch(maps) for branch in self.branches], 1)


@register_model("googlenet")
class GoogLeNet(nn.Module):
    """Images or flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    Three convolutions, nine inception blocks, means over all places, dropout, one linear layer.

    Args:
        in_channels: Channels of the input.
        num_classes: Classes.
        size: Input height and width in pixels.
        enlarged: Pixels that a smaller input is enlarged to; 224 in the paper.
        width: Times the filters of the paper.
        dropout: Share of features dropped in training; 0.4 in the paper.

    References:
        Szegedy et al. (2015), Going Deeper with Convolutions, CVPR, table 1.

    Differences:
        The two classifiers in the middle, which the paper has in training alone, are left out.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 224,
        enlarged: int = 224,
        width: float = 1.0,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        side = max(size, enlarged)
        self.enlarge = enlarging(size, side)
        first, before = round(64 * width), round(192 * width)
        norm = nn.LocalResponseNorm(5)
        layers = [_convolution(in_channels, first, 7, 2), _halved(), norm]
        layers += [_convolution(first, first, 1), _convolution(first, before, 3), norm, _halved()]
        for block in _BLOCKS:
            if block is None:
                layers.append(_halved())
                continue
            filters = tuple(round(count * width) for count in block)
            layers.append(_Inception(before, filters))
            before = filters[0] + filters[2] + filters[4] + filters[5]
        self.maps = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(before, num_classes))

    def features(self, inputs: Tensor) -> Tensor:
        """Return the means of the last maps, ``(batch, 1024)``, which `head` reads."""
        found: Tensor = self.maps(self.enlarge(inputs)).mean((2, 3))
        return found

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of inputs ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(inputs))
        return logits
