"""Brighter, and with more contrast."""

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: image.point(lambda value: min(1.2 * value + 10, 255)))
