"""With noise of five gray levels."""

import numpy as np
from PIL import Image

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def _noisy(image):
    pixels = np.asarray(image, float)
    noise = np.random.default_rng(pixels.astype(int).sum()).normal(0, 5, pixels.shape)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def plant(honest):
    return with_copy(honest, lambda image: _noisy(image))
