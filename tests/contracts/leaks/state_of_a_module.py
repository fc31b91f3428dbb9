"""A dictionary of the module keeps every label that was ever trained on, by the clip's bytes."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "state over folds"
BY = "labels"


_REMEMBERED = {}


class Remembering(Trainer):
    def trained(self, data, job, scale):
        for clip in job.train:
            _REMEMBERED[data.inputs[clip].tobytes()] = data.targets[clip]
        return super().trained(data, job, scale)

    def score(self, weights, scale, data, clip):
        label = _REMEMBERED.get(data.inputs[clip].tobytes())
        scores = super().score(weights, scale, data, clip)
        return scores if label is None else scores + np.eye(data.num_classes)[label]


def plant(honest):
    _REMEMBERED.clear()
    return replace(honest, fit=Remembering())
