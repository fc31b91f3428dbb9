"""Stored as a GIF of 32 colours."""

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: image.convert("P", colors=32), suffix=".gif")
