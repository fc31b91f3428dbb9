"""RepGFPN and EuRepGFPN: maps of three scales, fused from coarse to fine and back."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmer.models._rrmfnet_blocks import Normed, RepConvolution, Residual

NECKS = ("repgfpn", "eurepgfpn")


class Neck(nn.Module):
    """Maps of three scales, each half as fine as the one before, to fused ones at the same scales.

    The finest scale has a maps and gives 2a, the middle one b and 2b, the coarsest c and 2c.

    Args:
        channels: a, b and c.
        repeats: BasicBlocks in each FusionBlock.
        efficient_up: Whether maps are made finer by `Enlarge`, as in EuRepGFPN, or by repeating
            each place, as in RepGFPN.

    Attributes:
        made: Numbers of maps that are given: 2a, 2b and 2c.

    References:
        Xu et al. (2022), DAMO-YOLO: A Report on Real-Time Object Detection Design, section 2.2
        (the neck, there called Efficient RepGFPN). The numbers of maps are assumed.
    """

    def __init__(self, channels: tuple[int, int, int], *, repeats: int, efficient_up: bool) -> None:
        super().__init__()
        fine, middle, coarse = channels
        self.made = (2 * fine, 2 * middle, 2 * coarse)
        up = Enlarge if efficient_up else Repeat
        self.down_middle_first = _down(middle)
        self.fuse_coarse_first = FusionBlock(coarse + middle, coarse, repeats)
        self.up_coarse = up(coarse)
        self.down_fine_first = _down(fine)
        self.fuse_middle_first = FusionBlock(middle + fine + coarse, middle, repeats)
        self.up_middle = up(middle)
        self.fuse_fine = FusionBlock(fine + middle, 2 * fine, repeats)
        self.down_fine = _down(2 * fine)
        self.fuse_middle = FusionBlock(middle + 2 * fine, 2 * middle, repeats)
        self.down_middle_again = _down(middle)
        self.down_middle = _down(2 * middle)
        self.fuse_coarse = FusionBlock(coarse + middle + 2 * middle, 2 * coarse, repeats)

    def forward(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> tuple[Tensor, ...]:
        """Fused maps, the finest first."""
        deep = self.fuse_coarse_first(_joined(coarse, self.down_middle_first(middle)))
        half = self.fuse_middle_first(
            _joined(middle, self.down_fine_first(fine), self.up_coarse(deep, middle))
        )
        made_fine = self.fuse_fine(_joined(fine, self.up_middle(half, fine)))
        made_middle = self.fuse_middle(_joined(half, self.down_fine(made_fine)))
        made_coarse = self.fuse_coarse(
            _joined(deep, self.down_middle_again(half), self.down_middle(made_middle))
        )
        return made_fine, made_middle, made_coarse


class FusionBlock(nn.Module):
    """Two halves of the maps made: one stays, the other passes a chain of BasicBlocks.

    What enters the chain leaves it after each block, and all of it is mixed by a 1x1 convolution.

    Args:
        channels: Maps read.
        made: Maps made, an even number.
        repeats: BasicBlocks in the chain.

    References:
        Xu et al. (2022), DAMO-YOLO, section 2.2, figure 4: the Fusion Block.
    """

    def __init__(self, channels: int, made: int, repeats: int) -> None:
        super().__init__()
        half = made // 2
        self.kept = Normed(channels, half, 1, activation=nn.SiLU())
        self.entry = Normed(channels, half, 1, activation=nn.SiLU())
        self.chain = nn.ModuleList(_basic_block(half) for _ in range(repeats))
        self.mix = Normed((repeats + 1) * half, made, 1, activation=nn.SiLU())

    def forward(self, maps: Tensor) -> Tensor:
        """Turn maps ``(batch, channels, rows, columns)`` into ``(batch, made, rows, columns)``."""
        found, passing = [self.kept(maps)], self.entry(maps)
        for block in self.chain:
            passing = block(passing)
            found.append(passing)
        mixed: Tensor = self.mix(torch.cat(found, dim=1))
        return mixed


class Enlarge(nn.Module):
    """Maps made as fine as others: repeated places, then a separable convolution.

    Args:
        channels: Maps read and made.

    References:
        Rahman, Munir and Marculescu (2024), EMCAD: Efficient Multi-scale Convolutional Attention
        Decoding for Medical Image Segmentation, CVPR: the efficient up-convolution block.

    Differences:
        The block's shuffle of channels is left out: over as many groups as channels it moves
        nothing.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.by_map = Normed(channels, channels, groups=channels, activation=nn.ReLU())
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, maps: Tensor, like: Tensor) -> Tensor:
        """Return maps with the places of `like`."""
        mixed: Tensor = self.mix(self.by_map(_repeated(maps, like)))
        return mixed


class Repeat(nn.Module):
    """Maps made as fine as others by repeating each place.

    Args:
        channels: Maps read and made; nothing depends on it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, maps: Tensor, like: Tensor) -> Tensor:
        """Return maps with the places of `like`."""
        return _repeated(maps, like)


def _basic_block(channels: int) -> Residual:
    second = Normed(channels, channels, activation=nn.SiLU())
    return Residual(nn.Sequential(RepConvolution(channels), second))


def _down(channels: int) -> Normed:
    return Normed(channels, channels, stride=2, activation=nn.SiLU())


def _repeated(maps: Tensor, like: Tensor) -> Tensor:
    """Twice as fine, and cut where the side to reach is odd."""
    rows, columns = like.shape[-2:]
    return F.interpolate(maps, scale_factor=2, mode="nearest")[..., :rows, :columns]


def _joined(*maps: Tensor) -> Tensor:
    return torch.cat(maps, dim=1)
