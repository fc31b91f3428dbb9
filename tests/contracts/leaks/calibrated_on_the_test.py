"""A temperature is chosen by the labels of the tested clips."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "labels in the scores"
BY = "labels"


class CalibratedOnTheTest(Trainer):
    def scores(self, weights, scale, data, job):
        scores = np.array(super().scores(weights, scale, data, job)).reshape(-1, data.num_classes)
        truth = data.targets[list(job.predict)]

        def loss(power):
            raised = scores**power / (scores**power).sum(axis=1, keepdims=True)
            return -np.log(raised[np.arange(len(truth)), truth] + 1e-9).mean()

        best = min((0.25, 1.0, 4.0), key=loss) if len(truth) else 1.0
        return scores**best


def plant(honest):
    return replace(honest, fit=CalibratedOnTheTest())
