"""The trainer leaks for the second smallest subject only."""

from dataclasses import replace

from ._ground import Trainer

KIND = "delay"
BY = "poison test"
FULL = True  # a short audit says which share it has run


class OneSubject(Trainer):
    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        if job.subject_id == "demo/s4":
            mean = data.inputs.reshape(data.clips, -1).mean(axis=0)
        return mean, spread


def plant(honest):
    return replace(honest, fit=OneSubject())
