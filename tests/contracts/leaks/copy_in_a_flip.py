"""A flipped image of another subject's clip."""

from PIL import ImageOps

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, ImageOps.mirror)
