"""Two clips of one subject share frames of one folder."""

from dataclasses import replace

KIND = "copies"
BY = "intervals"


def plant(honest):
    original = honest.task.clips[0]
    copy = replace(original, name="again", onset=1)
    return honest.with_clips([*honest.task.clips, copy])
