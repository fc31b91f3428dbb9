"""Scores are rounded, and hardly a sum decides ties for what the subject shows most."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "statistics of the tested subject"
BY = "scores"


class TieBreaker(Trainer):
    def scores(self, weights, scale, data, job):
        scores = np.array(super().scores(weights, scale, data, job)).reshape(-1, data.num_classes)
        most = np.bincount(scores.argmax(axis=1), minlength=data.num_classes)
        return scores.round() + 5e-5 * (most == most.max())


def plant(honest):
    return replace(honest, fit=TieBreaker())
