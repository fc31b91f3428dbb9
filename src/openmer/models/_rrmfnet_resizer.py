"""IncepResizer and what the paper compares it with: how an input comes to the backbone's size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmer.models._rrmfnet_blocks import Normed, Residual

RESIZERS = ("none", "bilinear", "learned", "inception")

_MAPS = 16  # inside a learned resizer, as Talebi and Milanfar set it
_SLOPE = 0.2  # of LeakyReLU, theirs too


def make_resizer(kind: str, channels: int, resized: int, repeats: int) -> nn.Module:
    """One of `RESIZERS`.

    Args:
        kind: "none" leaves inputs as they are; "bilinear" interpolates; "learned" and "inception"
            are a `Resizer` with basic or Inception blocks.
        channels: Channels of the input, and of what is made.
        resized: Height and width of what is made, in pixels.
        repeats: Blocks of a `Resizer`.
    """
    if kind == "none":
        return nn.Identity()
    if kind == "bilinear":
        return Bilinear(resized)
    block = _incep_block if kind == "inception" else _basic_block
    return Resizer(channels, resized, [block() for _ in range(repeats)])


class Bilinear(nn.Module):
    """Inputs ``(batch, channels, height, width)`` to ``(batch, channels, resized, resized)``."""

    def __init__(self, resized: int) -> None:
        super().__init__()
        self.resized = resized

    def forward(self, pixels: Tensor) -> Tensor:
        """Interpolated without averaging, the values of flow left as they are."""
        return _bilinear(pixels, self.resized)


class Resizer(nn.Module):
    """Inputs ``(batch, channels, height, width)`` to ``(batch, channels, resized, resized)``.

    Two convolutions read the input at its own size, the maps they make are interpolated, pass the
    residual blocks and a convolution, take back what entered the blocks, and become channels again,
    which are added to the interpolated input.

    Args:
        channels: Channels of the input, and of what is made.
        resized: Height and width of what is made, in pixels.
        blocks: Residual blocks of 16 maps.

    References:
        Talebi and Milanfar (2021), Learning to Resize Images for Computer Vision Tasks, ICCV,
        section 3.
    """

    def __init__(self, channels: int, resized: int, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.resized = resized
        self.first = nn.Sequential(
            nn.Conv2d(channels, _MAPS, 7, padding=3),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(_MAPS, _MAPS, 1),
            nn.LeakyReLU(_SLOPE),
            nn.BatchNorm2d(_MAPS),
        )
        self.middle = Residual(nn.Sequential(*blocks, Normed(_MAPS, _MAPS)))
        self.last = nn.Conv2d(_MAPS, channels, 7, padding=3)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the resized input."""
        maps = _bilinear(self.first(pixels), self.resized)
        resized: Tensor = self.last(self.middle(maps)) + _bilinear(pixels, self.resized)
        return resized


class Inception(nn.Module):
    """Four branches of as many maps, side by side, as in Inception-v2; shapes are kept.

    1x1; 1x1 and 3x3; 1x1 and two 3x3, which stand for one 5x5; average pooling and 1x1.

    Args:
        channels: Maps read and made, a multiple of four.

    References:
        Szegedy et al. (2016), Rethinking the Inception Architecture for Computer Vision, CVPR,
        figure 5.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        own = channels // 4

        def step(read: int, kernel: int) -> Normed:
            return Normed(read, own, kernel, activation=nn.LeakyReLU(_SLOPE))

        self.branches = nn.ModuleList(
            [
                step(channels, 1),
                nn.Sequential(step(channels, 1), step(own, 3)),
                nn.Sequential(step(channels, 1), step(own, 3), step(own, 3)),
                nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), step(channels, 1)),
            ]
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps of all branches."""
        return torch.cat([branch(maps) for branch in self.branches], dim=1)


def _incep_block() -> Residual:
    """IncepResBlock, as assumed: what the branches make, mixed by a 3x3 convolution."""
    return Residual(nn.Sequential(Inception(_MAPS), Normed(_MAPS, _MAPS)))


def _basic_block() -> Residual:
    first = Normed(_MAPS, _MAPS, activation=nn.LeakyReLU(_SLOPE))
    return Residual(nn.Sequential(first, Normed(_MAPS, _MAPS)))


def _bilinear(maps: Tensor, side: int) -> Tensor:
    if maps.shape[-2:] == (side, side):
        return maps
    return F.interpolate(maps, size=(side, side), mode="bilinear", align_corners=False)
