"""Tested clips are scaled by their own mean and spread, as batch norm in training mode does."""

from dataclasses import replace

from ._ground import Trainer

KIND = "statistics of the tested subject"
BY = "scores"


class StatisticsOfThe(Trainer):
    def scores(self, weights, scale, data, job):
        seen = data.inputs[list(job.predict)].reshape(len(job.predict), -1)
        own = seen.mean(axis=0), seen.std(axis=0) + 1
        return super().scores(weights, own, data, job)


def plant(honest):
    return replace(honest, fit=StatisticsOfThe())
