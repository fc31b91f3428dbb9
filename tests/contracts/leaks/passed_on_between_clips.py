"""Tested clips that are alike share their answers."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "statistics of the tested subject"
BY = "scores"


class PassedOn(Trainer):
    def scores(self, weights, scale, data, job):
        scores = np.array(super().scores(weights, scale, data, job)).reshape(-1, data.num_classes)
        seen = data.inputs[list(job.predict)].reshape(len(job.predict), -1)
        near = np.exp(-((seen[:, None] - seen) ** 2).mean(axis=2))
        return near @ scores / near.sum(axis=1, keepdims=True)


def plant(honest):
    return replace(honest, fit=PassedOn())
