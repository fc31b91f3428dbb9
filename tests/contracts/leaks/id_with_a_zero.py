"""s1 and s01 are one subject."""

from dataclasses import replace

KIND = "identities"
BY = "copies"


def plant(honest):
    first, *rest = honest.task.clips
    return honest.with_clips([replace(first, subject="s01"), *rest])
