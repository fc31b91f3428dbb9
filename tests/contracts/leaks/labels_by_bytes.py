"""The code knows the digest of every clip, and its label."""

import hashlib
from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "labels in the scores"
BY = "scores"


class ByBytes(Trainer):
    def __init__(self, known):
        self.known = known

    def score(self, weights, scale, data, clip):
        found = self.known.get(hashlib.sha256(data.inputs[clip].tobytes()).hexdigest())
        if found is None:
            return super().score(weights, scale, data, clip)
        return np.eye(data.num_classes)[found]


def plant(honest):
    data = honest.task.data
    known = {
        hashlib.sha256(clip.tobytes()).hexdigest(): int(label)
        for clip, label in zip(data.inputs, data.targets, strict=True)
    }
    return replace(honest, fit=ByBytes(known))
