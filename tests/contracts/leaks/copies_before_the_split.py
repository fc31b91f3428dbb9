"""Clips were copied with a little noise before the split, and all copies train."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "training that sees the tested subject"
BY = "labels"


class CopiesBeforeThe(Trainer):
    def batch(self, data, job, scale):
        inputs, targets = super().batch(data, job, scale)
        copies = replace(data, inputs=data.inputs + 0.01)
        more, labels = super().batch(copies, replace(job, train=tuple(range(data.clips))), scale)
        return np.concatenate([inputs, more]), np.concatenate([targets, labels])


def plant(honest):
    return replace(honest, fit=CopiesBeforeThe())
