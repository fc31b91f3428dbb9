"""Scores are weighted by how often each class is predicted for the subject."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "statistics of the tested subject"
BY = "scores"


class PriorOfThe(Trainer):
    def scores(self, weights, scale, data, job):
        scores = np.array(super().scores(weights, scale, data, job))
        return scores * scores.mean(axis=0)


def plant(honest):
    return replace(honest, fit=PriorOfThe())
