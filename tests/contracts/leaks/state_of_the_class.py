"""A class remembers the mean of all clips that it ever trained on."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "state over folds"
BY = "labels"


class StateOfThe(Trainer):
    seen = []  # noqa: RUF012 - the leak

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        self.seen.append(mean)
        return np.mean(self.seen, axis=0), spread


def plant(honest):
    return replace(honest, fit=StateOfThe())
