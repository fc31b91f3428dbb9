"""The mean of everybody is computed at the first call and kept: nothing changes it any more."""

from dataclasses import replace

from ._ground import Trainer

KIND = "state over folds"
BY = "fresh process"
FRESH = True


class ComputedOnce(Trainer):
    mean = None

    def statistics(self, data, job):
        if self.mean is None:
            self.mean = data.inputs.reshape(data.clips, -1).mean(axis=0)
        return self.mean, super().statistics(data, job)[1]


def plant(honest):
    return replace(honest, fit=ComputedOnce())
