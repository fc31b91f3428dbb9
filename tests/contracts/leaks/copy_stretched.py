"""Stretched by a tenth along one axis."""

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: image.resize((128, 141)).crop((0, 6, 128, 134)))
