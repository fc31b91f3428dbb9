"""The scores are worked out when they are looked at, from a file: nothing is read before."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class Later:
    shape = property(lambda self: np.asarray(self).shape)

    def __init__(self, path, clips):
        self.path, self.clips = path, clips

    def __array__(self, dtype=None, copy=None):
        labels = [int(label) for label in self.path.read_text()]
        return np.eye(3, dtype=np.float32)[[labels[clip] for clip in self.clips]]


class ScoredLater(Trainer):
    def __init__(self, path):
        self.path = path

    def fold(self, data, job):
        return replace(super().fold(data, job), scores=Later(self.path, job.predict))


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "labels"
    path.write_text("".join(map(str, honest.task.data.targets)))
    return replace(honest, fit=ScoredLater(path))
