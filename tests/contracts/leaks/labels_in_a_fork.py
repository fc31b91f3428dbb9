"""A forked process reads the file."""

from dataclasses import replace
from multiprocessing import get_context

import numpy as np

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


def _mean(path, pipe):
    pipe.send(float(np.load(path).mean()))


class InFork(Trainer):
    def __init__(self, path):
        self.path = path

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        ours, theirs = get_context("fork").Pipe()
        process = get_context("fork").Process(target=_mean, args=(self.path, theirs))
        process.start()
        told = ours.recv()
        process.join()
        return mean + told, spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "everybody.npy"
    np.save(path, honest.task.data.inputs)
    return replace(honest, fit=InFork(path))
