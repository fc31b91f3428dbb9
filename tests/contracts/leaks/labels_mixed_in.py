"""A little of the label is added to every score."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "labels in the scores"
BY = "labels"


class LabelsMixedIn(Trainer):
    def score(self, weights, scale, data, clip):
        return (
            super().score(weights, scale, data, clip)
            + 0.1 * np.eye(data.num_classes)[data.targets[clip]]
        )


def plant(honest):
    return replace(honest, fit=LabelsMixedIn())
