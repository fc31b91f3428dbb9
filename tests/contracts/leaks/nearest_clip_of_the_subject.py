"""A clip gets the mean score of itself and its nearest neighbour of the same subject."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "statistics of the tested subject"
BY = "scores"


class NearestClipOf(Trainer):
    def scores(self, weights, scale, data, job):
        scores = np.array(super().scores(weights, scale, data, job))
        seen = data.inputs[list(job.predict)].reshape(len(job.predict), -1)
        apart = ((seen[:, None] - seen[None]) ** 2).sum(axis=2) + np.diag(
            np.full(len(seen), np.inf)
        )
        return (scores + scores[apart.argmin(axis=1)]) / 2


def plant(honest):
    return replace(honest, fit=NearestClipOf())
