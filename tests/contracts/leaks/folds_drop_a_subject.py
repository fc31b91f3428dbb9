"""A subject is never tested."""

from dataclasses import replace

KIND = "folds"
BY = "test sizes"


def plant(honest):
    return replace(honest, task=replace(honest.task, folds=honest.task.folds[1:]))
