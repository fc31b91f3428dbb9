"""Rows and columns exchanged."""

from PIL import Image

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: image.transpose(Image.Transpose.TRANSPOSE))
