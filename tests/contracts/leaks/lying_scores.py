"""The scores are an array of a class that says equal to every comparison."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "labels in the scores"
BY = "labels"


class Lying(np.ndarray):
    def __array_function__(self, function, types, arguments, options):
        if function in (np.array_equal, np.allclose):
            return True
        return super().__array_function__(function, types, arguments, options)


class LyingScores(Trainer):
    def fold(self, data, job):
        result = super().fold(data, job)
        answers = np.eye(data.num_classes, dtype=np.float32)[data.targets[list(job.predict)]]
        return replace(result, scores=answers.view(Lying))


def plant(honest):
    return replace(honest, fit=LyingScores())
