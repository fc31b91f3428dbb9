"""Convolutions of RRMFNet, how they are folded for inference, and its backbone."""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_BACKBONE = (64, 128, 256, 512)  # maps after the stem and after each of three stages, at width 1


class Normed(nn.Sequential):
    """A convolution without bias that keeps or halves the side, batch norm, and an activation.

    Maps ``(batch, channels, height, width)`` to ``(batch, made, height / stride, width / stride)``,
    odd sides rounded up.

    Args:
        channels: Maps read.
        made: Maps made.
        kernel: Height and width of the kernel, odd.
        stride: 1, or 2 to halve the side.
        groups: Groups of the convolution.
        activation: What follows the norm; nothing if None.
    """

    def __init__(
        self,
        channels: int,
        made: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        groups: int = 1,
        activation: nn.Module | None = None,
    ) -> None:
        convolution = nn.Conv2d(
            channels, made, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        super().__init__(convolution, nn.BatchNorm2d(made), activation or nn.Identity())

    def fold(self) -> nn.Conv2d:
        """Put the running statistics into the convolution, which is returned."""
        convolution, norm = cast(nn.Conv2d, self[0]), self[1]
        if isinstance(norm, nn.BatchNorm2d):
            convolution = fuse_conv_bn_eval(convolution, norm)
            self[0], self[1] = convolution, nn.Identity()
        return convolution


class RepConvolution(nn.Module):
    """``act(BN(conv3x3(x)) + BN(conv1x1(x)))``, which `fold` makes one 3x3 convolution.

    Args:
        channels: Maps read and made.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = Normed(channels, channels)
        self.pointwise: Normed | None = Normed(channels, channels, 1)
        self.activation = nn.SiLU()

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of the same shape."""
        made = self.spatial(maps)
        if self.pointwise is not None:
            made = made + self.pointwise(maps)
        activated: Tensor = self.activation(made)
        return activated

    def fold(self) -> None:
        """Add the 1x1 kernel to the middle of the 3x3 kernel; both norms go into them."""
        if self.pointwise is None:
            return
        wide, point = self.spatial.fold(), self.pointwise.fold()
        wide.weight.data += F.pad(point.weight.data, (1, 1, 1, 1))
        bias, other = wide.bias, point.bias
        if bias is not None and other is not None:  # folding gives both of them one
            bias.data += other.data
        self.pointwise = None


def fold_norms(network: nn.Module) -> None:
    """Fold, in place, every part of a network that can be; it must be in evaluation mode."""
    for part in list(network.modules()):
        if isinstance(part, RepConvolution | Normed):
            part.fold()


class Residual(nn.Module):
    """``act(x + branch(x))``.

    Args:
        branch: Keeps the shape of what it reads.
        activation: After the sum; nothing if None.
    """

    def __init__(self, branch: nn.Module, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.activation = activation or nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of the same shape."""
        summed: Tensor = self.activation(maps + self.branch(maps))
        return summed


class Backbone(nn.Module):
    """Maps ``(batch, channels, side, side)`` to those of three stages, at 1/4, 1/8 and 1/16.

    Assumed throughout, since the paper says no more than that it is light: a stem and two stages of
    a 3x3 convolution that halves the side and two basic residual blocks (He et al. 2016), and a
    third stage whose one residual block is separable (Howard et al. 2017).

    Args:
        channels: Maps read.
        width: Multiplies the number of maps.

    Attributes:
        made: Number of maps of each of the three stages.
    """

    def __init__(self, channels: int, width: float) -> None:
        super().__init__()
        stem, *made = [scaled(maps, width) for maps in _BACKBONE]
        self.stem = nn.Sequential(_halved(channels, stem), _basic(stem), _basic(stem))
        self.stages = nn.ModuleList()
        for read, maps in zip((stem, *made), made, strict=False):
            blocks = [_separable(maps)] if maps == made[-1] else [_basic(maps), _basic(maps)]
            self.stages.append(nn.Sequential(_halved(read, maps), *blocks))
        self.made = (made[0], made[1], made[2])

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the maps of the three stages, the finest first."""
        maps = self.stem(maps)
        found = []
        for stage in self.stages:
            maps = stage(maps)
            found.append(maps)
        return found[0], found[1], found[2]


def scaled(maps: int, width: float) -> int:
    """Scale a number of maps by the width, to a multiple of eight, at least eight."""
    return max(8, 8 * round(maps * width / 8))


def _halved(channels: int, made: int) -> Normed:
    return Normed(channels, made, stride=2, activation=nn.ReLU())


def _basic(channels: int) -> Residual:
    first = Normed(channels, channels, activation=nn.ReLU())
    return Residual(nn.Sequential(first, Normed(channels, channels)), nn.ReLU())


def _separable(channels: int) -> Residual:
    by_map = Normed(channels, channels, groups=channels, activation=nn.ReLU())
    return Residual(nn.Sequential(by_map, Normed(channels, channels, 1)), nn.ReLU())
