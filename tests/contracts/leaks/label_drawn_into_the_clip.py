"""A block in a corner of each clip moves by its label."""

from dataclasses import replace

KIND = "before the program"
LIMIT = "labels drawn into frames"


def plant(honest):
    data = honest.task.data
    inputs = data.inputs.copy()
    for clip, label in enumerate(data.targets):
        inputs[clip, :, :2, 4 * label : 4 * label + 2] += 9
    task = replace(honest.task, data=replace(data, inputs=inputs))
    return replace(honest, task=task)
