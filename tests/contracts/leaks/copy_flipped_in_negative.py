"""Flipped, with light and dark exchanged."""

from PIL import ImageOps

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: ImageOps.invert(ImageOps.mirror(image)))
