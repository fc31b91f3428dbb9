"""Turned by ten degrees."""

from ._ground import with_copy

KIND = "copies"
LIMIT = "turned by ten degrees or more"


def plant(honest):
    return with_copy(honest, lambda image: image.rotate(10))
