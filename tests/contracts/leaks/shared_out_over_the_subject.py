"""Classes are shared out over the subject's clips in equal parts."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "statistics of the tested subject"
BY = "scores"


class SharedOutOver(Trainer):
    def scores(self, weights, scale, data, job):
        scores = np.array(super().scores(weights, scale, data, job))
        for _ in range(20):
            scores /= scores.sum(axis=0)
            scores /= scores.sum(axis=1, keepdims=True)
        return scores


def plant(honest):
    return replace(honest, fit=SharedOutOver())
