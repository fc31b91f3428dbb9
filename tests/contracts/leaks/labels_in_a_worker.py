"""A worker process reads the file, so that this one does not."""

from dataclasses import replace

import numpy as np
from joblib import Parallel, delayed

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


def _mean(path):
    return float(np.load(path).mean())


class InWorker(Trainer):
    def __init__(self, path):
        self.path = path

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        (told,) = Parallel(n_jobs=2)(delayed(_mean)(path) for path in [self.path])
        return mean + told, spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "everybody.npy"
    np.save(path, honest.task.data.inputs)
    return replace(honest, fit=InWorker(path))
