"""The scores are the held-out labels."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "labels in the scores"
BY = "labels"


class LabelsCopied(Trainer):
    def score(self, weights, scale, data, clip):
        return np.eye(data.num_classes)[data.targets[clip]]


def plant(honest):
    return replace(honest, fit=LabelsCopied())
