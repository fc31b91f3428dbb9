"""The code knows what each subject shows most often."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "labels in the scores"
LIMIT = "a prior typed into the code by the name of a subject"


class PriorByName(Trainer):
    def scores(self, weights, scale, data, job):
        scores = np.array(super().scores(weights, scale, data, job)).reshape(-1, data.num_classes)
        scores[:, {"demo/s1": 1, "demo/s2": 2}.get(job.subject_id, 0)] += 0.3
        return scores


def plant(honest):
    return replace(honest, fit=PriorByName())
