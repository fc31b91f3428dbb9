"""Inputs were normalised over the corpus before the program began."""

from dataclasses import replace

KIND = "before the program"
LIMIT = "what was done to the files before"


def plant(honest):
    data = honest.task.data
    inputs = (data.inputs - data.inputs.mean(axis=0)) / (data.inputs.std(axis=0) + 1)
    task = replace(honest.task, data=replace(data, inputs=inputs))
    return replace(honest, task=task)
