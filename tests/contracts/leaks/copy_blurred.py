"""Slightly blurred."""

from PIL import ImageFilter

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: image.filter(ImageFilter.GaussianBlur(1)))
