"""Answers are shared out so that the tested clips have the classes' shares."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "statistics of the tested subject"
BY = "scores"


class SharesOf(Trainer):
    def scores(self, weights, scale, data, job):
        scores = np.array(super().scores(weights, scale, data, job)).reshape(-1, data.num_classes)
        shares = np.bincount(data.targets[list(job.train)], minlength=data.num_classes) + 1.0
        return scores * (shares / shares.sum()) / (scores.mean(axis=0) if len(scores) else 1)


def plant(honest):
    return replace(honest, fit=SharesOf())
