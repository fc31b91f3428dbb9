"""TSCNN, three streams on the apex frame, its parts and the flow."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._registry import register_model

_FLOW = 3  # u, v and strain


class _Stream(nn.Sequential):
    """Five normalised convolutions with two poolings, then means over all places."""

    def __init__(self, channels: int, maps: int) -> None:
        layers: list[nn.Module] = []
        filters = (channels, maps, maps, maps, 2 * maps, 2 * maps)
        for place, (before, after) in enumerate(pairwise(filters)):
            kernel = 3 if place else 5
            layers.append(nn.Conv2d(before, after, kernel, padding=kernel // 2))
            layers += [nn.BatchNorm2d(after), nn.ReLU()]
            if place == 0:
                layers.append(nn.MaxPool2d(5, stride=2, padding=2))
            elif place == 2:
                layers.append(nn.AvgPool2d(3, stride=2, padding=1))
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


@register_model("tscnn")
class Tscnn(nn.Module):
    """Flow and apex frame ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    The static-spatial stream reads the apex frame, the local-spatial stream its `grid` x `grid`
    blocks, one channel each, the dynamic-temporal stream the flow; the means that each makes are
    concatenated, dropped out and classified by one linear layer.

    Args:
        in_channels: Above 3: u, v and strain, then the planes of the apex frame, as with the step
            `append_apex`. At most 3: all streams read all channels.
        num_classes: Classes.
        size: Input height and width in pixels, a multiple of `grid`; 48 in the paper.
        grid: Blocks along a side.
        maps: Filters of the first convolution of a stream.
        dropout: Share of the means dropped in training.

    Raises:
        ConfigError: The frame cannot be cut into such blocks.

    References:
        Song, Li, Zong, Zhu, Zheng, Shi, Zhao (2019), Recognizing Spontaneous Micro-Expression Using
        a Three-Stream Convolutional Neural Network, IEEE Access 7.

    Differences:
        A reconstruction: the paper's abstract names the streams; the sizes of their layers and the
        4 x 4 blocks are those of a network that was made after it, SKD-TSTSAN (Zhu et al., 2024).
        The paper's flow from the apex to the offset is left out.
    """

    def __init__(
        self,
        *,
        in_channels: int = 6,
        num_classes: int = 3,
        size: int = 48,
        grid: int = 4,
        maps: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if size % grid or size // grid < 4:
            raise ConfigError(
                f"TSCNN cuts a frame of {size}x{size} into {grid} x {grid} blocks of at least 4x4. "
                f"Give a size that is a multiple of {grid}, at least {4 * grid}."
            )
        image = in_channels - _FLOW if in_channels > _FLOW else in_channels
        self._grid, self._image = grid, image
        self.static = _Stream(image, maps)
        self.local = _Stream(image * grid**2, maps)
        self.dynamic = _Stream(min(in_channels, _FLOW), maps)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(6 * maps, num_classes))

    def features(self, inputs: Tensor) -> Tensor:
        """Return what the three streams make, one behind the other, which `head` reads."""
        frame = inputs[:, -self._image :]
        side = inputs.shape[-1] // self._grid
        blocks = F.unfold(frame, side, stride=side)  # (batch, image * side * side, blocks)
        planes = blocks.mT.reshape(len(inputs), -1, side, side)
        return torch.cat(
            [self.static(frame), self.local(planes), self.dynamic(inputs[:, :_FLOW])], 1
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(inputs))
        return logits
