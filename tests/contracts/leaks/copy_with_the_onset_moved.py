"""The same frames, begun one frame later, under another subject."""

from dataclasses import replace

KIND = "copies"
BY = "copies"


def plant(honest):
    original = honest.task.clips[0]
    copy = replace(original, subject="s2", name="again", onset=1)
    return honest.with_clips([*honest.task.clips, copy])
