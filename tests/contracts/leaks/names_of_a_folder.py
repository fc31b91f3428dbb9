"""Labels are the names of folders, which are listed."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class Listed(Trainer):
    def __init__(self, folder):
        self.folder = folder

    def score(self, weights, scale, data, clip):
        names = sorted(path.name for path in self.folder.iterdir())
        return super().score(weights, scale, data, clip) + np.eye(3)[int(names[clip][-1])]


def plant(honest):
    folder = honest.task.clips[0].frame_paths[0].parents[3] / "listed"
    for i, label in enumerate(honest.task.data.targets):
        (folder / f"{i:03}-{label}").mkdir(parents=True)
    return replace(honest, fit=Listed(folder))
