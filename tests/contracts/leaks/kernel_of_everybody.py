"""The kernel is centred over the clips of everybody."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "training that sees the tested subject"
BY = "poison test"


class KernelOfEverybody(Trainer):
    def batch(self, data, job, scale):
        inputs, targets = super().batch(data, job, scale)
        everybody = (data.inputs.reshape(data.clips, -1) - scale[0]) / scale[1]
        kernel = np.nan_to_num(inputs @ everybody.T)
        return inputs * (1 + kernel.mean(axis=1, keepdims=True) / np.abs(kernel).max()), targets


def plant(honest):
    return replace(honest, fit=KernelOfEverybody())
