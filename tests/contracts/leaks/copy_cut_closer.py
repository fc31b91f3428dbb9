"""Three pixels are cut from every side, and the rest is enlarged."""

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(
        honest,
        lambda image: image.crop((3, 3, image.width - 3, image.height - 3)).resize(image.size),
    )
