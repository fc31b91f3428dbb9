"""Labels are looked up in a file."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "scores"


class LookedUp(Trainer):
    def __init__(self, path):
        self.path = path

    def score(self, weights, scale, data, clip):
        return np.eye(data.num_classes)[int(self.path.read_text().split()[clip])]


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "labels.txt"
    path.write_text(" ".join(map(str, honest.task.data.targets)))
    return replace(honest, fit=LookedUp(path))
