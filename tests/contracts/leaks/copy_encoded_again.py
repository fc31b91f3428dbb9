"""The copy is a JPEG."""

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: image, suffix=".jpg", quality=70)
