"""Image pyramids on tensors: halve, double, and each size of detail with a gain of its own.

The kernel is the binomial (1, 4, 6, 4, 1) / 16 of Burt and Adelson (1983), flipped at the border.
Importing this module imports PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST_PX = 4  # side of the coarsest level; flipping by two pixels needs three


@dataclass(frozen=True, slots=True, kw_only=True)
class PyramidGain:
    """A gain per size of detail, as two steps between which an image is as small as possible.

    ``grow(shrink(image))`` is the image with each band of its pyramid times its gain. Both steps
    are linear, so that a filter along time may run on the small images between them.

    Attributes:
        sizes: Height and width from the full image to the small one.
        weights: Of the small image's level in a Gaussian pyramid and of the coarser ones; empty
            where all gains are zero.
    """

    sizes: tuple[tuple[int, int], ...]
    weights: tuple[float, ...]

    def shrink(self, images: Tensor) -> Tensor:
        """``(..., height, width)`` to ``(..., *sizes[-1])``."""
        for _ in self.sizes[1:]:
            images = halve(images)
        return images

    def grow(self, images: Tensor) -> Tensor:
        """``(..., *sizes[-1])`` to ``(..., height, width)``, with the gains."""
        images = weighted_levels(images, self.weights)
        for height, width in reversed(self.sizes[:-1]):
            images = double(images, height, width)
        return images


def pyramid_gain(height: int, width: int, weights: tuple[float, ...]) -> PyramidGain:
    """Plan for images of one size; `weights` are those of a Gaussian pyramid from the full size."""
    first = next((level for level, weight in enumerate(weights) if weight), len(weights))
    sizes = [(height, width)]
    for _ in range(first if weights[first:] else 0):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return PyramidGain(sizes=tuple(sizes), weights=weights[first:])


def most_levels(height: int, width: int) -> int:
    """How often images of this size can be halved."""
    levels, side = 0, min(height, width)
    while (side + 1) // 2 >= SMALLEST_PX:
        levels, side = levels + 1, (side + 1) // 2
    return levels


def halve(images: Tensor) -> Tensor:
    """Blur and keep every second pixel: level n of a Gaussian pyramid to level n + 1.

    Args:
        images: Shape ``(..., height, width)``, sides of at least 3 pixels.

    Returns:
        Shape ``(..., (height + 1) // 2, (width + 1) // 2)``.
    """
    height, width = images.shape[-2:]
    flat = F.pad(images.reshape(-1, height, width), (2, 2, 2, 2), mode="reflect")
    rows = _halve_rows(flat, (height + 1) // 2)
    both = _halve_rows(rows.transpose(1, 2), (width + 1) // 2).transpose(1, 2)
    return both.mul_(1 / 256).reshape(*images.shape[:-2], *both.shape[1:])


def double(images: Tensor, height: int, width: int) -> Tensor:
    """Enlarge smoothly to the size before `halve`; a constant stays what it is.

    Args:
        images: Shape ``(..., (height + 1) // 2, (width + 1) // 2)``, sides of at least 2 pixels.
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        Shape ``(..., height, width)``.
    """
    flat = images.reshape(-1, *images.shape[-2:])
    rows = _double_rows(flat, height)
    both = _double_rows(rows.transpose(1, 2), width).transpose(1, 2)
    return both.mul_(1 / 64).reshape(*images.shape[:-2], height, width)


def weighted_levels(images: Tensor, weights: tuple[float, ...]) -> Tensor:
    """Sum ``weights[n]`` times level n of a Gaussian pyramid, each level enlarged to full size.

    A sum over the bands of a Laplacian pyramid is such a sum, too: see `gaussian_weights`. Levels
    after the last weight that is not zero are never made.

    Args:
        images: Shape ``(..., height, width)``; level 0.
        weights: One number per level.

    Returns:
        Shape ``(..., height, width)``.
    """
    if not any(weights[1:]):
        return images * (weights[0] if weights else 0.0)
    coarse = weighted_levels(halve(images), weights[1:])
    total = double(coarse, *images.shape[-2:])
    return total.add_(images, alpha=weights[0]) if weights[0] else total


def level_gains(
    alpha: float, levels: int, finest_level: int = 0, cutoff_px: float = 0.0
) -> tuple[float, ...]:
    """Return the gain of each band of a Laplacian pyramid, from the finest.

    A band whose wavelength, ``4 * 2**level`` pixels, is below `cutoff_px` gets the largest gain
    that keeps in the linear range the movement that `alpha` keeps there at `cutoff_px`:
    ``(wavelength / cutoff_px) (1 + alpha) - 1``, at least 0.

    Args:
        alpha: The gain of bands that are not limited.
        levels: Bands.
        finest_level: Bands before this one get 0.
        cutoff_px: In pixels; 0 limits none.

    References:
        Wu et al. (2012), Eulerian video magnification for revealing subtle changes in the world.
    """
    gains = []
    for level in range(levels):
        limit = 4 * 2**level / cutoff_px * (1 + alpha) - 1 if cutoff_px else alpha
        gains.append(max(0.0, min(alpha, limit)) if level >= finest_level else 0.0)
    return tuple(gains)


def gaussian_weights(band_gains: tuple[float, ...], residual_gain: float) -> tuple[float, ...]:
    """Weights on Gaussian levels that equal gains on the bands of a Laplacian pyramid.

    Band n is level n minus level n + 1 made as large, so that neighbours with equal gains cancel.

    Returns:
        One weight more than there are bands.
    """
    gains = (*band_gains, residual_gain)
    return (gains[0], *(gain - finer for finer, gain in pairwise(gains)))


def _halve_rows(images: Tensor, rows: int) -> Tensor:
    """16 times the blurred every second row of images padded by two rows at both ends."""
    taps = [images[:, start::2][:, :rows] for start in range(5)]
    total = taps[0] + taps[4]
    return total.add_(taps[1], alpha=4).add_(taps[3], alpha=4).add_(taps[2], alpha=6)


def _double_rows(images: Tensor, rows: int) -> Tensor:
    """8 times the smooth rows at the old places and between them."""
    count = images.shape[1]
    after = images[:, -1:] if rows % 2 == 0 else images[:, -2:-1]  # the flip of the fine grid
    padded = torch.cat([images[:, 1:2], images, after], dim=1)
    result = images.new_empty(images.shape[0], rows, images.shape[2])
    torch.add(padded[:, :-2], padded[:, 2:], out=result[:, 0::2]).add_(images, alpha=6)
    between = rows - count
    torch.add(images[:, :between], padded[:, 2 : between + 2], out=result[:, 1::2]).mul_(4)
    return result
