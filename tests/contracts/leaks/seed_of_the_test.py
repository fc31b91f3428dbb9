"""Five seeds are tried, and the one is kept that suits the tested clips."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "training that sees the tested subject"
BY = "labels"


class SeedOfTheTest(Trainer):
    def fold(self, data, job):
        tried = [super(SeedOfTheTest, self).fold(data, replace(job, seed=s)) for s in range(5)]
        truth = data.targets[list(job.predict)]
        sure = [np.take_along_axis(one.scores, truth[:, None], 1).sum() for one in tried]
        return replace(tried[int(np.argmax(sure))], job=job) if job.predict else tried[0]


def plant(honest):
    return replace(honest, fit=SeedOfTheTest())
