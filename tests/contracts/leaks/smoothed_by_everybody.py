"""Targets are smoothed by the classes' shares in the whole corpus."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "training that sees the tested subject"
BY = "labels"


class SmoothedByEverybody(Trainer):
    def batch(self, data, job, scale):
        inputs, targets = super().batch(data, job, scale)
        shares = np.bincount(data.targets, minlength=data.num_classes) / data.clips
        return inputs, 0.9 * targets + 0.1 * shares


def plant(honest):
    return replace(honest, fit=SmoothedByEverybody())
