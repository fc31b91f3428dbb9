"""The weights take a step towards sure answers on the tested clips."""

from dataclasses import replace

from ._ground import Trainer, softmax

KIND = "statistics of the tested subject"
BY = "scores"


class AdaptedAtTest(Trainer):
    def scores(self, weights, scale, data, job):
        seen = (data.inputs[list(job.predict)].reshape(len(job.predict), -1) - scale[0]) / scale[1]
        chances = softmax(seen @ weights)
        weights = weights - 0.5 * seen.T @ (chances - (chances > 0.4)) / max(1, len(seen))
        return super().scores(weights, scale, data, job)


def plant(honest):
    return replace(honest, fit=AdaptedAtTest())
