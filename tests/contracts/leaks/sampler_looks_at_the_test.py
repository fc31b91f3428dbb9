"""Training clips that are like the tested ones come more often."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "training that sees the tested subject"
BY = "poison test"


class SamplerLooks(Trainer):
    def batch(self, data, job, scale):
        inputs, targets = super().batch(data, job, scale)
        tested = (data.inputs[list(job.predict)].reshape(len(job.predict), -1) - scale[0]) / scale[
            1
        ]
        if not len(tested):
            return inputs, targets
        far = ((inputs - np.nan_to_num(tested.mean(axis=0))) ** 2).sum(axis=1)
        order = np.argsort(far)
        rows = np.concatenate([order, order[: len(order) // 2]])
        return inputs[rows], targets[rows]


def plant(honest):
    return replace(honest, fit=SamplerLooks())
