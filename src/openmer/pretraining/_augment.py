"""Random changes of training images: one warp per image, then light, contrast, erasing, jitter."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from openmer.training import ImageAugment

_GRAY = 127.5


def augment_images(
    images: Tensor, size: int, augment: ImageAugment, generator: torch.Generator
) -> Tensor:
    """Each image changed by its own draw and brought to its size by the same interpolation.

    Args:
        images: ``(batch, channels, height, width)``, 0..255.
        size: Side of the result in pixels.
        augment: How far the draws go.
        generator: Of the device of the images; draws the same whatever `augment` switches off, but
            for the jitter, which draws a number per pixel.

    Returns:
        ``(batch, channels, size, size)``, 0..255.
    """
    draws = torch.rand(len(images), 12, generator=generator, device=images.device)
    warped = _warp(images, size, _matrices(draws, augment))
    contrast = 1 + augment.contrast * _signed(draws[:, 5])
    light = 255 * augment.brightness * _signed(draws[:, 6])
    mean = warped.mean((1, 2, 3), keepdim=True)
    lit = (warped - mean) * _column(contrast) + mean + _column(light)
    erased = _erase(lit.clamp(0, 255), draws[:, 7:], augment.erasing_probability)
    return _jitter(erased, augment, generator) if augment.noise_probability else erased


def resize_images(images: Tensor, size: int) -> Tensor:
    """Images at another size, by the interpolation of `augment_images` and nothing else."""
    identity = torch.eye(2, 3, device=images.device).expand(len(images), 2, 3)
    return images if images.shape[-1] == size else _warp(images, size, identity)


def _matrices(draws: Tensor, augment: ImageAugment) -> Tensor:
    """From places of the result to places of the image, both -1..1, shape ``(batch, 2, 3)``."""
    angle = math.radians(augment.rotation_deg) * _signed(draws[:, 0])
    zoom = 1 / (1 + augment.scale * _signed(draws[:, 1]))
    side = torch.where(draws[:, 2] < augment.flip_probability, -1.0, 1.0)
    cosine, sine = zoom * torch.cos(angle), zoom * torch.sin(angle)
    shift_x, shift_y = (2 * augment.shift * _signed(draws[:, place]) for place in (3, 4))
    rows = [side * cosine, -sine, shift_x, side * sine, cosine, shift_y]
    return torch.stack(rows, dim=1).view(-1, 2, 3)


def _warp(images: Tensor, size: int, matrices: Tensor) -> Tensor:
    shape = (len(images), images.shape[1], size, size)
    grid = F.affine_grid(matrices, list(shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _erase(images: Tensor, draws: Tensor, probability: float) -> Tensor:
    """Erase a rectangle in a share of the images; `draws` are five numbers in 0..1 each."""
    side = images.shape[-1]
    area = side * side * (0.02 + 0.18 * draws[:, 1])
    ratio = torch.exp(math.log(3.0) * _signed(draws[:, 2]))
    height, width = (area * ratio).sqrt().clamp_max(side), (area / ratio).sqrt().clamp_max(side)
    top, left = draws[:, 3] * (side - height), draws[:, 4] * (side - width)
    at = torch.arange(side, device=images.device) + 0.5
    rows = (at >= top[:, None]) & (at < (top + height)[:, None])
    columns = (at >= left[:, None]) & (at < (left + width)[:, None])
    gone = rows[:, :, None] & columns[:, None] & (draws[:, 0] < probability)[:, None, None]
    return torch.where(gone[:, None], _GRAY, images)


def _jitter(images: Tensor, augment: ImageAugment, generator: torch.Generator) -> Tensor:
    """Gray noise, evenly drawn per pixel and the same in all channels, in a share of the images."""
    batch, _, height, width = images.shape
    noise = _uniform((batch, 1, height, width), generator)
    chosen = _uniform((batch, 1, 1, 1), generator) < augment.noise_probability
    changed = images + augment.noise_levels * _signed(noise)
    return torch.where(chosen, changed, images).clamp(0, 255)


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device)


def _signed(uniform: Tensor) -> Tensor:
    return 2 * uniform - 1


def _column(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)
