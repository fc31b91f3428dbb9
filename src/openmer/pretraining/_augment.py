"""Random changes of training images: one warp per image, then light, erasing and pixel noise."""

from __future__ import annotations

import torch
from torch import Tensor

from openmer.augmentation import (
    Affine,
    Augmentation,
    Brightness,
    Contrast,
    Draws,
    HorizontalFlip,
    PixelNoise,
    Planes,
    RandomErasing,
    apply_all,
    sample_all,
)
from openmer.training import ImageAugment

_COLUMNS = (0, 1, 3, 4, 2, *range(5, 12))
"""Where the even numbers of each augmentation stand: those of a shift follow that of a flip."""


def augment_images(
    images: Tensor, size: int, augment: ImageAugment, generator: torch.Generator
) -> Tensor:
    """Change each image by its own draw and bring it to its size by the same interpolation.

    Args:
        images: ``(batch, channels, height, width)``, 0..255.
        size: Side of the result in pixels.
        augment: How far the draws go.
        generator: Of the device of the images; draws the same whatever `augment` switches off, but
            for the pixel noise, which draws a number per pixel.

    Returns:
        ``(batch, channels, size, size)``, 0..255.
    """
    used: list[Augmentation] = [
        Affine(
            rotation_deg=augment.rotation_deg, scale=augment.scale, shift=augment.shift, size=size
        ),
        HorizontalFlip(probability=augment.flip_probability),
        Contrast(share=augment.contrast),
        Brightness(share=augment.brightness),
        RandomErasing(probability=augment.erasing_probability, fill="gray"),
    ]
    if augment.noise_probability:
        used.append(PixelNoise(probability=augment.noise_probability, levels=augment.noise_levels))
    columns = Draws(generator, len(images)).uniform(len(_COLUMNS))[:, _COLUMNS]
    draws = Draws(generator, len(images), columns)
    parameters = sample_all(used, draws, (images.shape[1], size, size))
    return apply_all(used, images, parameters, Planes())
