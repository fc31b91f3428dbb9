"""Two pixels of resizing."""

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: image.resize((image.width - 2, image.height - 2)))
