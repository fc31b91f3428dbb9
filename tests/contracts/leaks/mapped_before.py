"""The clips of everybody are in memory, mapped from a file before the audit."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"
NOTED = True  # a mapped file may be there for another reason


class MappedBefore(Trainer):
    def __init__(self, path):
        self.everybody = np.load(path, mmap_mode="r")

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        return mean + float(self.everybody.mean()), spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "everybody.npy"
    np.save(path, honest.task.data.inputs)
    return replace(honest, fit=MappedBefore(path))
