"""A file is opened before the audit and read while a fold trains."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class OpenedBefore(Trainer):
    def __init__(self, path):
        self.file = path.open("rb")

    def __del__(self):
        self.file.close()

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        self.file.seek(0)
        return mean + float(np.load(self.file).mean()), spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "everybody.npy"
    np.save(path, honest.task.data.inputs)
    return replace(honest, fit=OpenedBefore(path))
