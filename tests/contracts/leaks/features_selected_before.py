"""The values that tell everybody's classes apart were chosen before the program began."""

from dataclasses import replace

import numpy as np

KIND = "before the program"
LIMIT = "what was done to the files before"


def plant(honest):
    data = honest.task.data
    means = [data.inputs[data.targets == label].mean(axis=0) for label in range(3)]
    useful = np.ptp(np.stack(means), axis=0) > np.median(np.ptp(np.stack(means), axis=0))
    return replace(
        honest, task=replace(honest.task, data=replace(data, inputs=data.inputs * useful))
    )
