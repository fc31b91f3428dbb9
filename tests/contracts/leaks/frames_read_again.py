"""The trainer reads the frames itself, the tested ones included, and centres by them."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer, array_of

KIND = "data from elsewhere"
BY = "recording"


class ReadsFrames(Trainer):
    def __init__(self, clips):
        self.clips = clips

    def statistics(self, data, job):
        everybody = np.stack([array_of(clip).ravel() for clip in self.clips])
        return everybody.mean(axis=0), super().statistics(data, job)[1]


def plant(honest):
    return replace(honest, fit=ReadsFrames(honest.task.clips))
