"""A score is averaged with that of the clip before it."""

from dataclasses import replace

from ._ground import Trainer

KIND = "statistics of the tested subject"
BY = "scores"


class SmoothedAlongThe(Trainer):
    def scores(self, weights, scale, data, job):
        scores = super().scores(weights, scale, data, job)
        for i in range(1, len(scores)):
            scores[i] = (scores[i] + scores[i - 1]) / 2
        return scores


def plant(honest):
    return replace(honest, fit=SmoothedAlongThe())
