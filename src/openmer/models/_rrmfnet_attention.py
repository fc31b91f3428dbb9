"""AAB: maps of one scale made fewer, weighed by CBAM, and pooled to features."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNELS = (0, 3, 5, 7)  # of the spatial attention; 0 for no CBAM

_REDUCED = 16  # how many times narrower the hidden layer of the channels' attention is
_METHODS = {
    "none": (0, 1),
    "light": (0, 2),
    "medium": (1, 1),
    "strong": (2, 1),
}  # convolutions, side of the pool

REDUCTIONS = tuple(_METHODS)


class AAB(nn.Module):
    """The attention block of one scale: reducing convolutions, CBAM, adaptive average pooling.

    Args:
        channels: Maps read.
        cbam: Kernel of the spatial attention, one of `KERNELS`; 0 leaves CBAM out.
        reduction: One of `REDUCTIONS`: "none", no convolution, pooled to 1x1; "light", no
            convolution, pooled to 2x2; "medium", one 3x3 convolution of stride 2, pooled to 1x1;
            "strong", two of them, pooled to 1x1. "none" without CBAM is no AAB at all.
        coarsest: Whether this is the coarsest scale, whose maps no convolution makes fewer.

    Attributes:
        features: Length of the features.

    Differences:
        The paper states that convolutions (kernel, stride, padding) and adaptive average pooling
        (height, width) reduce the maps, in three strengths of which the middle one, method 2, is
        best. The three strengths are assumed. The convolutions have a bias and no batch norm, so
        that maps of one place can be trained with a batch of one.
    """

    def __init__(self, channels: int, *, cbam: int, reduction: str, coarsest: bool) -> None:
        super().__init__()
        convolutions, self._side = _METHODS[reduction]
        steps: list[nn.Module] = []
        for _ in range(0 if coarsest else convolutions):
            steps += [nn.Conv2d(channels, channels, 3, 2, 1), nn.SiLU()]
        self.reduce = nn.Sequential(*steps)
        self.attention = CBAM(channels, cbam) if cbam else nn.Identity()
        self.features = channels * self._side**2

    def forward(self, maps: Tensor) -> Tensor:
        """Weighed maps ``(batch, channels, rows, columns)``, before they are pooled."""
        weighed: Tensor = self.attention(self.reduce(maps))
        return weighed

    def pool(self, weighed: Tensor) -> Tensor:
        """Features ``(batch, features)`` of weighed maps."""
        if self._side == 1:
            return weighed.mean((2, 3))
        return F.adaptive_avg_pool2d(weighed, self._side).flatten(1)


class CBAM(nn.Module):
    """Maps times a weight of each channel, then times a weight of each place; the shape is kept.

    Args:
        channels: Maps read and made.
        kernel: Of the convolution that weighs places, odd.

    References:
        Woo et al. (2018), CBAM: Convolutional Block Attention Module, ECCV, equations 2 and 3.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        hidden = max(1, channels // _REDUCED)
        self.channels = nn.Sequential(
            nn.Linear(channels, hidden, bias=False),
            nn.ReLU(),
            nn.Linear(hidden, channels, bias=False),
        )
        self.places = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Weighed maps."""
        by_channel = self.channels(maps.mean((2, 3))) + self.channels(maps.amax((2, 3)))
        maps = maps * torch.sigmoid(by_channel)[:, :, None, None]
        seen = torch.cat([maps.mean(1, keepdim=True), maps.amax(1, keepdim=True)], dim=1)
        weighed: Tensor = maps * torch.sigmoid(self.places(seen))
        return weighed
