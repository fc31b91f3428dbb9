"""Classes weigh by how rare they are among all clips."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "training that sees the tested subject"
BY = "labels"


class ClassWeightsOf(Trainer):
    def batch(self, data, job, scale):
        inputs, targets = super().batch(data, job, scale)
        counts = np.bincount(data.targets, minlength=data.num_classes)
        return inputs, targets / np.maximum(counts, 1) * counts.mean()


def plant(honest):
    return replace(honest, fit=ClassWeightsOf())
