"""A tenth of each side is cut away."""

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: image.crop((13, 13, 115, 115)).resize(image.size))
