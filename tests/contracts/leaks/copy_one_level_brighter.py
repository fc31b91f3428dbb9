"""One more gray level."""

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: image.point(lambda value: min(value + 1, 255)))
