"""A search chose the settings on the same clips, then the corpus got another name."""

from dataclasses import replace

from openmer.evaluation._seen_subjects import content_of

from ._ground import searched_on

KIND = "settings"
BY = "search"


def plant(honest):
    contents = tuple(content_of(clip) for clip in honest.task.clips)
    case = searched_on(honest, ["demo/s1"], contents)
    return case.with_clips([replace(clip, corpus="renamed") for clip in case.task.clips])
