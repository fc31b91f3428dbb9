"""Principal axes are computed from all clips."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "training that sees the tested subject"
BY = "poison test"


class AxesOfEverybody(Trainer):
    def batch(self, data, job, scale):
        inputs, targets = super().batch(data, job, scale)
        everybody = (data.inputs.reshape(data.clips, -1) - scale[0]) / scale[1]
        axes = np.linalg.svd(np.nan_to_num(everybody), full_matrices=False)[2][:8]
        return inputs @ axes.T @ axes, targets


def plant(honest):
    return replace(honest, fit=AxesOfEverybody())
