"""A worker process reads the file, so that this one does not."""

from dataclasses import replace

import numpy as np
from joblib import Parallel, delayed

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class InWorker(Trainer):
    def __init__(self, path):
        self.path = path

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        mean_of = delayed(lambda path: float(np.load(path).mean()))  # sent whole: it imports little
        (told,) = Parallel(n_jobs=2)(mean_of(path) for path in [self.path])
        return mean + told, spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "everybody.npy"
    np.save(path, honest.task.data.inputs)
    return replace(honest, fit=InWorker(path))
