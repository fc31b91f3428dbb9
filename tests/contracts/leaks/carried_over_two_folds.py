"""A fold begins with the weights of the one before the last."""

from dataclasses import replace

from ._ground import Trainer

KIND = "state over folds"
BY = "fresh process"
FRESH = True


class TwoFoldsLater(Trainer):
    def __call__(self, data, jobs):
        self.left = []
        return super().__call__(data, jobs)

    def start(self, data, job):
        return self.left[-2] if len(self.left) > 1 else super().start(data, job)

    def trained(self, data, job, scale):
        weights, losses = super().trained(data, job, scale)
        self.left.append(weights)
        return weights, losses


def plant(honest):
    return replace(honest, fit=TwoFoldsLater())
