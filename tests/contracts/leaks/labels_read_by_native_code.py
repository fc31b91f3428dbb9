"""Native code reads the file: no hook of Python sees it."""

from dataclasses import replace

import cv2

from ._ground import Trainer, write

KIND = "data from elsewhere"
LIMIT = "files that native code opens without Python"


class Native(Trainer):
    def __init__(self, path):
        self.path = str(path)

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        return mean + float(cv2.imread(self.path).mean()), spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "mean.png"
    write(path, honest.task.data.inputs.mean(axis=(0, 1)))
    return replace(honest, fit=Native(path))
