"""s1 and an s1 that ends in white space are one subject."""

from dataclasses import replace

KIND = "identities"
BY = "copies"


def plant(honest):
    first, *rest = honest.task.clips
    return honest.with_clips([replace(first, subject="s1 "), *rest])
