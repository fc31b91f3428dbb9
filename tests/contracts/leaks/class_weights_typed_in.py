"""The method weighs classes by numbers that were counted over all clips."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "before the program"
LIMIT = "decided outside of the program"


class TypedIn(Trainer):
    weights = (1.0, 1.0, 1.0)

    def batch(self, data, job, scale):
        inputs, targets = super().batch(data, job, scale)
        return inputs, targets * self.weights


def plant(honest):
    trainer = TypedIn()
    counts = np.bincount(honest.task.data.targets)
    trainer.weights = tuple(counts.mean() / counts)
    return replace(honest, fit=trainer)
