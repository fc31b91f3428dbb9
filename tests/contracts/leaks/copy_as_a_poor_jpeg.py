"""Encoded again with most of its detail lost."""

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: image, suffix=".jpg", quality=12)
