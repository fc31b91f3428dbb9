"""Clips of one subject stand under two ids that have nothing in common."""

from dataclasses import replace

KIND = "identities"
BY = "copies"


def plant(honest):
    first, second, *rest = honest.task.clips
    new = [replace(clip, subject="x9") for clip in (first, second)]
    return honest.with_clips([*new, *rest])
