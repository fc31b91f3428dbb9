"""The mean clip of the tested subject is taken off each of their clips."""

from dataclasses import replace

from ._ground import Trainer

KIND = "statistics of the tested subject"
BY = "scores"


class SubjectCentredInputs(Trainer):
    def scores(self, weights, scale, data, job):
        inputs = data.inputs.copy()
        inputs[list(job.predict)] -= inputs[list(job.predict)].mean(axis=0)
        return super().scores(weights, scale, replace(data, inputs=inputs), job)


def plant(honest):
    return replace(honest, fit=SubjectCentredInputs())
