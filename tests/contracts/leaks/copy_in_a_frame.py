"""With a black frame of a tenth around it."""

from PIL import ImageOps

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: ImageOps.expand(image, 13).resize(image.size))
