"""The same clip twice for one subject, encoded again."""

from ._ground import with_copy

KIND = "copies"
BY = "copies"


def plant(honest):
    return with_copy(honest, lambda image: image, subject="s1", suffix=".jpg", quality=80)
