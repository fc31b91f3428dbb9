"""A fold leaves its mean weight in a class of the standard library."""

from dataclasses import replace
from pathlib import PurePath

from ._ground import Trainer

KIND = "state over folds"
BY = "labels"


class InAnotherLibrary(Trainer):
    def start(self, data, job):
        weights = super().start(data, job)
        return weights + getattr(PurePath, "left_behind", 0.0)

    def trained(self, data, job, scale):
        weights, losses = super().trained(data, job, scale)
        PurePath.left_behind = float(weights.mean())
        return weights, losses


def plant(honest):
    PurePath.left_behind = 0.0
    return replace(honest, fit=InAnotherLibrary())
