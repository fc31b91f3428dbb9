"""Shifted by six pixels."""

from PIL import ImageChops

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: ImageChops.offset(image, 6, 4))
