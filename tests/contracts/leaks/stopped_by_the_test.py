"""Training stops when the tested clips are answered best."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "training that sees the tested subject"
BY = "labels"


class StoppedByTheTest(Trainer):
    def trained(self, data, job, scale):
        weights, losses = super().trained(data, job, scale)
        test = list(job.predict)
        seen = (data.inputs[test].reshape(len(test), -1) - scale[0]) / scale[1]
        right = (np.nan_to_num(seen @ weights).argmax(axis=1) == data.targets[test]).sum()
        return weights / (1 + right), losses


def plant(honest):
    return replace(honest, fit=StoppedByTheTest())
