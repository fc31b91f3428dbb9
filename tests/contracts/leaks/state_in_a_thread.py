"""A thread that lives on keeps the weights of the fold before."""

from dataclasses import replace
from queue import Queue
from threading import Thread

import numpy as np

from ._ground import Trainer

KIND = "state over folds"
BY = "labels"


class InAThread(Trainer):
    def __init__(self):
        self.asked, self.answers = Queue(), Queue()
        Thread(target=self._keep, daemon=True).start()

    def _keep(self):
        kept = 0.0
        while True:
            told = self.asked.get()
            self.answers.put(kept)
            kept = told

    def trained(self, data, job, scale):
        weights, losses = super().trained(data, job, scale)
        self.asked.put(float(np.nan_to_num(weights).mean()))
        return weights + self.answers.get(), losses


def plant(honest):
    return replace(honest, fit=InAThread())
