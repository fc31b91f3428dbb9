"""Dense connections with mixed attention, on a motion-magnified apex frame."""

from __future__ import annotations

import copy
from typing import Literal, cast, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._registry import register_model

Attention = Literal["none", "channel", "spatial", "mixed"]
Connections = Literal["dense", "residual"]

_BLOCKS = 5  # with a halving between each two of them, 112 pixels become 7
_KERNEL = 5
_COLOURS = 3  # gray is read as three equal planes, so that weights serve both
_SPARE = 5  # planes beside the colours that make the maps of every block a multiple of eight
_LAST_SIDE = 7
_SMALLEST = 16  # pixels: halved four times, one is left


@register_model("dense_attention")
class DenseAttention(nn.Module):
    """Frames ``(batch, in_channels, size, size)``, 0..255, to logits ``(batch, num_classes)``.

    Five blocks of 5x5 convolutions, each followed by channel attention, then spatial attention on
    all maps that leave it; average pooling halves the maps between blocks; the last ones, 7x7, are
    flattened into one linear layer. With the defaults 3,096,045 trained numbers (the paper prints
    3.115 M) and 690 million multiply-accumulates at 112x112.

    Args:
        in_channels: 3, or 1 for gray; the weights do not depend on it.
        num_classes: Classes.
        size: Input height and width in pixels, at least 16; 112 in the paper. Nor on this:
            last maps of another size than 7x7 are resized.
        depth: Convolutions in a block.
        growth: Maps that one convolution adds, times the number of its block (1 for the second
            block), and half of it in the first, whose maps are the largest.
        reduction: How many times narrower the hidden layer of the channel attention is than its
            input, ``r`` in the paper.
        attention: "mixed" as the paper has it, one of its halves, or "none".
        connections: "dense", or "residual": each block keeps the last maps of its convolutions
            alone, each added to what it reads, and is as wide as makes it no heavier than the
            dense block in its place.

    Raises:
        ConfigError: An argument is out of its range.

    References:
        Gan et al. (2024), Knowledge-Based Systems, section 3.3 and equations 4 to 9.

    Differences:
        The paper states neither the number of blocks and convolutions nor growth and reduction.
        Five blocks come from its 112x112 input and 7x7 output, if pooling lies between blocks
        only; three convolutions, a growth of 16 and a reduction of 8 were chosen for its 3.115 M
        weights, at about the same work in each block. The attention stands on all maps that leave
        a block, since the skip pathway is what carries them on.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 112,
        depth: int = 3,
        growth: int = 16,
        reduction: int = 8,
        attention: str = "mixed",
        connections: str = "dense",
    ) -> None:
        super().__init__()
        _check(in_channels, size, (depth, growth, reduction), attention, connections)
        stages: list[nn.Module] = []
        channels = dense_channels = _COLOURS
        for block in range(_BLOCKS):
            dense = _Dense(dense_channels, depth, max(growth * block, growth // 2))
            dense_channels = dense.channels
            connected = dense if connections == "dense" else _Residual(channels, depth, like=dense)
            channels = connected.channels
            stages.append(nn.Sequential(connected, *_attention(channels, reduction, attention)))
        self.stages = nn.ModuleList(stages)
        self._spare = 0
        self.head = nn.Linear(channels * _LAST_SIDE**2, num_classes)

    def feature_maps(self, pixels: Tensor) -> Tensor:
        """Return maps of the last block after attention, ``(batch, channels, rows, columns)``.

        507 maps of 7x7 for pixels ``(batch, in_channels, 112, 112)``.
        """
        maps = (pixels / 127.5 - 1).expand(-1, _COLOURS, -1, -1)
        if self._spare:
            maps = torch.cat([maps, maps[:, :1].expand(-1, self._spare, -1, -1)], dim=1)
        for number, stage in enumerate(self.stages):
            maps = stage(F.avg_pool2d(maps, 2) if number else maps)
        return maps

    def features(self, pixels: Tensor) -> Tensor:
        """Return the last maps at 7x7, flattened: what `head` reads."""
        maps = self.feature_maps(pixels)
        if maps.shape[-1] != _LAST_SIDE:
            side = (_LAST_SIDE, _LAST_SIDE)
            maps = F.interpolate(maps, size=side, mode="bilinear", align_corners=False)
        return maps.flatten(1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of pixels ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(pixels))
        return logits

    def for_inference(self) -> DenseAttention:
        """Return a network with the same outputs that is faster where convolutions work in eights.

        Copies of the first colour stand behind the three colours, and go with them from block to
        block. What they weigh is nothing: no convolution and no logit reads them, the channels'
        attention treats them as it does the first colour, so that they never are a maximum of
        their own, and the spatial attention leaves them out of its mean. It is not for training.
        Residual blocks carry no colours along: a plain copy.
        """
        twin = copy.deepcopy(self).eval()
        if any(isinstance(part, _Residual) for part in twin.modules()):
            return twin
        twin._spare = _SPARE
        for part in twin.modules():
            if isinstance(part, _Dense | _ChannelAttention | _SpatialAttention):
                part.spare()
        classes, inputs = twin.head.weight.shape
        by_map = twin.head.weight.view(classes, inputs // _LAST_SIDE**2, _LAST_SIDE**2)
        twin.head.weight = _spared(by_map, dim=1, flat=True)
        return twin


class _Dense(nn.Module):
    """A block in which every convolution reads the block's input and all maps made so far (4)."""

    def __init__(self, channels: int, depth: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _convolution(channels + number * growth, growth) for number in range(depth)
        )
        self.channels = channels + depth * growth

    def forward(self, maps: Tensor) -> Tensor:
        for layer in self.layers:
            maps = torch.cat([maps, layer(maps)], dim=1)
        return maps

    def spare(self) -> None:
        """Read spare planes, and make nothing of them."""
        for convolution in (part for part in self.modules() if isinstance(part, nn.Conv2d)):
            convolution.weight = _spared(convolution.weight, dim=1)


class _Residual(nn.Module):
    """A block in which what a convolution makes is added to what it reads.

    It is the widest that has no more convolution weights than the dense block `like`.
    """

    def __init__(self, channels: int, depth: int, *, like: _Dense) -> None:
        super().__init__()
        width = _residual_width(channels, depth, _convolution_weights(like))
        self.widen = nn.Conv2d(channels, width, 1, bias=False)
        self.layers = nn.ModuleList(
            _convolution(width if number else channels, width) for number in range(depth)
        )
        self.channels = width

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.widen(maps) + self.layers[0](maps)
        for layer in self.layers[1:]:
            maps = maps + layer(maps)
        return maps


class _ChannelAttention(nn.Module):
    """Maps times a weight of each, from the mean and the maximum of all maps (5, 6)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.perceptron = nn.Sequential(
            nn.Linear(channels, hidden, bias=False),
            nn.LeakyReLU(),
            nn.Linear(hidden, channels, bias=False),
        )

    def forward(self, maps: Tensor) -> Tensor:
        summed = self.perceptron(maps.mean((2, 3))) + self.perceptron(maps.amax((2, 3)))
        return maps * torch.sigmoid(summed)[:, :, None, None]

    def spare(self) -> None:
        """Weigh spare planes as the first one, of which they are copies."""
        narrow, _, widen = cast(tuple[nn.Linear, nn.Module, nn.Linear], tuple(self.perceptron))
        narrow.weight = _spared(narrow.weight, dim=1)
        widen.weight = _spared(widen.weight, dim=0, copies=True)


class _SpatialAttention(nn.Module):
    """Maps times a weight of each place, from the mean and the maximum over maps (7, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 1, _KERNEL, padding=_KERNEL // 2)
        self._spare = 0

    def forward(self, maps: Tensor) -> Tensor:
        mean = maps.mean(1, keepdim=True)
        if self._spare:
            counted = maps.shape[1] - self._spare
            mean = mean * (maps.shape[1] / counted) - maps[:, :1] * (self._spare / counted)
        seen = torch.cat([mean, maps.amax(1, keepdim=True)], dim=1)
        return maps * torch.sigmoid(self.convolution(seen))

    def spare(self) -> None:
        """Leave spare planes, copies of the first one, out of the mean."""
        self._spare = _SPARE


def _convolution(channels: int, made: int) -> nn.Sequential:
    """``BN(ReLU(Conv5x5(maps)))``, in the order of equation 4."""
    return nn.Sequential(
        nn.Conv2d(channels, made, _KERNEL, padding=_KERNEL // 2),
        nn.ReLU(),
        nn.BatchNorm2d(made),
    )


def _spared(weight: Tensor, dim: int, *, copies: bool = False, flat: bool = False) -> nn.Parameter:
    """Add rows for spare planes behind those of the colours: zeros, or copies of one."""
    shape = list(weight.shape)
    shape[dim] = _SPARE
    rows = weight.narrow(dim, 0, 1).expand(shape) if copies else weight.new_zeros(shape)
    colours = weight.narrow(dim, 0, _COLOURS)
    others = weight.narrow(dim, _COLOURS, weight.shape[dim] - _COLOURS)
    wider = torch.cat([colours, rows, others], dim).detach()
    return nn.Parameter(wider.flatten(1) if flat else wider)


def _attention(channels: int, reduction: int, kind: str) -> list[nn.Module]:
    """Build the attention of a block, in fixed places, so that variants share state names."""
    return [
        _ChannelAttention(channels, reduction) if kind in ("channel", "mixed") else nn.Identity(),
        _SpatialAttention() if kind in ("spatial", "mixed") else nn.Identity(),
    ]


def _residual_width(channels: int, depth: int, most_weights: int) -> int:
    area, width = _KERNEL**2, 1
    while (area + 1) * channels * (width + 1) + area * (depth - 1) * (width + 1) ** 2 <= (
        most_weights
    ):
        width += 1
    return width


def _convolution_weights(block: nn.Module) -> int:
    return sum(part.weight.numel() for part in block.modules() if isinstance(part, nn.Conv2d))


def _check(
    in_channels: int,
    size: int,
    counts: tuple[int, int, int],
    attention: str,
    connections: str,
) -> None:
    if in_channels not in (1, 3):
        raise ConfigError(
            f"Dense attention reads gray or colour images, 1 or 3 channels, found {in_channels}. "
            "Give it a recipe with the step 'apex_frame'."
        )
    if size < _SMALLEST:
        raise ConfigError(
            f"Dense attention needs images of at least {_SMALLEST}x{_SMALLEST}, found "
            f"{size}x{size}."
        )
    if counts[0] < 1 or counts[1] < 2 or counts[2] < 1:
        raise ConfigError(
            "Dense attention takes a depth of at least 1, a growth of at least 2 and a reduction "
            f"of at least 1, found {counts[0]}, {counts[1]} and {counts[2]}."
        )
    if attention not in get_args(Attention) or connections not in get_args(Connections):
        raise ConfigError(
            f"Dense attention takes an attention of {', '.join(get_args(Attention))} and "
            f"connections of {', '.join(get_args(Connections))}, found {attention!r} and "
            f"{connections!r}."
        )
