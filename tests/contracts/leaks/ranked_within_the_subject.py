"""A score is its rank among the subject's clips."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "statistics of the tested subject"
BY = "scores"


class RankedWithinThe(Trainer):
    def scores(self, weights, scale, data, job):
        scores = np.array(super().scores(weights, scale, data, job))
        return scores.argsort(axis=0).argsort(axis=0)


def plant(honest):
    return replace(honest, fit=RankedWithinThe())
