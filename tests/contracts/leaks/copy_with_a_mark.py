"""With a white mark in a corner."""

from PIL import ImageDraw

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def _marked(image):
    ImageDraw.Draw(image).rectangle((80, 104, 124, 122), fill=255)
    return image


def plant(honest):
    return with_copy(honest, lambda image: _marked(image))
