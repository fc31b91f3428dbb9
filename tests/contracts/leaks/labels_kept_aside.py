"""The trainer keeps labels of its own, beside those that it is given."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "labels in the scores"
BY = "scores"


class KeptAside(Trainer):
    def __init__(self, targets):
        self.targets = targets

    def score(self, weights, scale, data, clip):
        return np.eye(data.num_classes)[self.targets[clip]]


def plant(honest):
    return replace(honest, fit=KeptAside(honest.task.data.targets.copy()))
