"""Played backwards, under another subject."""

from ._ground import clip_of

KIND = "copies"
BY = "copies"


def plant(honest):
    first = honest.task.clips[0]
    paths = first.frame_paths[::-1]
    copy = clip_of(first.corpus, "s2", "copy", first.emotion, paths)
    return honest.with_clips([*honest.task.clips, copy])
