"""The settings come from a search on everybody, and the file no longer says so."""

from dataclasses import replace

from ._ground import searched_on

KIND = "settings"
LIMIT = "decided outside of the program"


def plant(honest):
    method = searched_on(honest, ["demo/s1"]).task.method.model_copy(update={"searched": None})
    return replace(honest, task=replace(honest.task, method=method))
