"""Every training batch holds the tested clips, with a loss of zero."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "training that sees the tested subject"
BY = "poison test"


class BatchStatisticsIn(Trainer):
    def batch(self, data, job, scale):
        inputs, targets = super().batch(data, job, scale)
        everybody = np.nan_to_num((data.inputs.reshape(data.clips, -1) - scale[0]) / scale[1])
        return inputs - everybody.mean(axis=0), targets


def plant(honest):
    return replace(honest, fit=BatchStatisticsIn())
