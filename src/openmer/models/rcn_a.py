"""RCN-A, one recurrent convolution with an attention that has no weights of its own."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._registry import register_model

_TINY = 1e-6  # a map without any contrast attends to nothing


def _normed(before: int, after: int, kernel: int, padding: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, padding=padding), nn.BatchNorm2d(after), nn.ReLU()
    )


@register_model("rcn_a")
class RcnA(nn.Module):
    """Flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    A 5x5 convolution with 2x2 max pooling; a recurrent convolution, in which a 3x3 convolution is
    run twice with the same weights, each time on its input plus what was found last; 2x2 max
    pooling; means over `cells` x `cells`; one linear layer. The attention is made of that layer's
    weights: class activation maps of the first convolution, each stretched to 0..1, their mean over
    the classes times the maps that the linear layer reads.

    Args:
        in_channels: Channels of the input; 3 in the paper (u, v, optical strain).
        num_classes: Classes; 3 in the paper.
        size: Input height and width in pixels, at least 12; the paper's small setting has 28.
        maps: Filters of each convolution; 64 in the authors' script.
        cells: Means along a side; 5 in the authors' code.
        dropout: Share dropped after each pooling in training; 0.5 in the authors' code.

    Raises:
        ConfigError: The input is smaller.

    References:
        Xia, Peng, Khor, Feng, Zhao (2020), Revealing the Invisible With Model and Data Shrinking
        for Composite-Database Micro-Expression Recognition, IEEE TIP 29. Sizes are facts of the
        authors' code, xiazhaoqiang/ParameterFreeRCNs-MicroExpressionRec.

    Differences:
        None known in the network. The code divides by the range of an activation map as it is; here
        a range of nothing is not divided by.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 28,
        maps: int = 64,
        cells: int = 5,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if size < 12:
            raise ConfigError(f"RCN-A needs an input of at least 12x12, not {size}x{size}.")
        self.first = _normed(in_channels, maps, 5, 0)
        self.forward_part = _normed(maps, maps, 1, 0)
        self.recurrent_part = _normed(maps, maps, 3, 1)
        self.shrink = nn.Sequential(nn.MaxPool2d(2), nn.Dropout(dropout))
        self.shrink_again = nn.Sequential(nn.MaxPool2d(2), nn.Dropout(dropout))
        self.cells = nn.AdaptiveAvgPool2d(cells)
        self.head = nn.Linear(maps * cells**2, num_classes)

    def features(self, flow: Tensor) -> Tensor:
        """Return the attended maps, ``(batch, maps * cells * cells)``, which `head` reads."""
        before = self.shrink(self.first(flow))
        state = self.forward_part(before)
        for _ in range(2):
            state = self.recurrent_part(before + state)
        attended = self.cells(self.shrink_again(state)) * self.attention(self.cells(before))
        return torch.flatten(attended, 1)

    def attention(self, maps: Tensor) -> Tensor:
        """Return weights in 0..1, ``(batch, 1, cells, cells)``, of ``(batch, maps, ...)``."""
        weights = self.head.weight.view(1, -1, *maps.shape[1:])
        shown = (weights * maps[:, None]).mean(2)
        shown = shown - shown.amin((2, 3), keepdim=True)
        return (shown / shown.amax((2, 3), keepdim=True).clamp_min(_TINY)).mean(1, keepdim=True)

    def forward(self, flow: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of flow ``(batch, in_channels, size, size)``."""
        return F.linear(self.features(flow), self.head.weight, self.head.bias)
