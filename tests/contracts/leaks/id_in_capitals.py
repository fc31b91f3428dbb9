"""s1 and S1 are one subject."""

from dataclasses import replace

KIND = "identities"
BY = "copies"


def plant(honest):
    first, *rest = honest.task.clips
    return honest.with_clips([replace(first, subject="S1"), *rest])
