"""A fold leaves its weights in a file, and the next call begins with them."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "state over folds"
BY = "labels"


class Filed(Trainer):
    def __init__(self, path):
        self.path = path

    def start(self, data, job):
        return np.load(self.path) if self.path.is_file() else super().start(data, job)

    def trained(self, data, job, scale):
        weights, losses = super().trained(data, job, scale)
        np.save(self.path, weights)
        return weights, losses


def plant(honest):
    folder = honest.task.clips[0].frame_paths[0].parents[3]
    return replace(honest, fit=Filed(folder / "weights.npy"))
