"""A search on clips of all subjects chose the settings."""

from ._ground import searched_on

KIND = "settings"
BY = "search"


def plant(honest):
    return searched_on(honest, sorted(set(honest.task.subjects)))
