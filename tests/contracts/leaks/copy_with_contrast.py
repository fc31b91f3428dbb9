"""With more contrast, and darker."""

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: image.point(lambda value: 255 * (value / 255) ** 1.6))
