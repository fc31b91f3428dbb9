"""The left half of each frame is gray."""

from ._ground import with_copy

KIND = "copies"
LIMIT = "copies of which half is hidden"


def plant(honest):
    def hidden(image):
        image.paste(128, (0, 0, image.width // 2, image.height))
        return image

    return with_copy(honest, hidden)
