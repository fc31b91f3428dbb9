"""Subjects with many clips are taken for negative."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "statistics of the tested subject"
BY = "scores"


class SizeOfTheFold(Trainer):
    def scores(self, weights, scale, data, job):
        scores = np.array(super().scores(weights, scale, data, job)).reshape(-1, data.num_classes)
        scores[:, 0] += 0.1 * len(job.predict)
        return scores


def plant(honest):
    return replace(honest, fit=SizeOfTheFold())
