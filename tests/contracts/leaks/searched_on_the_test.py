"""The step size is the one that suits the tested clips."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer, softmax

KIND = "training that sees the tested subject"
BY = "labels"


class SearchedOnTheTest(Trainer):
    def trained(self, data, job, scale):
        tried = []
        for factor in (0.5, 1.0, 2.0):
            weights = super().trained(data, job, (scale[0], scale[1] / factor))[0]
            test = list(job.predict)
            seen = (data.inputs[test].reshape(len(test), -1) - scale[0]) / scale[1]
            chances = softmax(np.nan_to_num(seen @ weights))
            tried.append((-chances[np.arange(len(test)), data.targets[test]].sum(), factor))
        return super().trained(data, job, (scale[0], scale[1] / min(tried)[1]))


def plant(honest):
    return replace(honest, fit=SearchedOnTheTest())
