"""A fold seeds the generator of everybody with what it has learned."""

import random
from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "state over folds"
BY = "labels"


class SeedAsAChannel(Trainer):
    def start(self, data, job):
        return super().start(data, job) + 0.01 * random.gauss(0, 1)

    def trained(self, data, job, scale):
        weights, losses = super().trained(data, job, scale)
        random.seed(int(abs(np.nan_to_num(weights).sum()) * 1e6) % 2**31)
        return weights, losses


def plant(honest):
    random.seed(0)
    return replace(honest, fit=SeedAsAChannel())
