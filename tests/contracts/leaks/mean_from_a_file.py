"""The model reads the mean of all clips from a file as it is made."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class MeanFromFile(Trainer):
    def __init__(self, path):
        self.path = path

    def statistics(self, data, job):
        return np.load(self.path), super().statistics(data, job)[1]


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "mean.npy"
    np.save(path, honest.task.data.inputs.reshape(honest.task.data.clips, -1).mean(axis=0))
    return replace(honest, fit=MeanFromFile(path))
