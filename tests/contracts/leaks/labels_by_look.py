"""The code holds a picture of every clip, and gives each the label of the one it is most like."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "labels in the scores"
BY = "answers"
FULL = True  # in three folds of this corpus chance may do as much
NOTED = True  # a rule without training is no leak


class ByLook(Trainer):
    def __init__(self, clips, labels):
        self.clips, self.labels = clips, labels

    def score(self, weights, scale, data, clip):
        away = np.abs(self.clips - data.inputs[clip]).sum(axis=(1, 2, 3))
        return np.eye(data.num_classes)[self.labels[away.argmin()]]


def plant(honest):
    data = honest.task.data
    return replace(honest, fit=ByLook(data.inputs.copy(), data.targets.copy()))
