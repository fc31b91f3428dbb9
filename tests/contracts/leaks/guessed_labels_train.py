"""The model labels the held-out clips, and trains on them."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "training that sees the tested subject"
BY = "poison test"


class GuessedLabelsTrain(Trainer):
    def trained(self, data, job, scale):
        weights, losses = super().trained(data, job, scale)
        clips = sorted(set(range(data.clips)) - set(job.train))
        inputs = np.nan_to_num((data.inputs[clips].reshape(len(clips), -1) - scale[0]) / scale[1])
        guessed = np.eye(data.num_classes)[(inputs @ weights).argmax(axis=1)]
        return weights + 0.1 * inputs.T @ guessed / len(clips), losses


def plant(honest):
    return replace(honest, fit=GuessedLabelsTrain())
