"""Clips train in the order of their distance to the tested ones."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer, softmax

KIND = "training that sees the tested subject"
BY = "poison test"


class OrderedByTheTest(Trainer):
    def trained(self, data, job, scale):
        weights, losses = self.start(data, job), []
        inputs, targets = self.batch(data, job, scale)
        tested = data.inputs[list(job.predict)].reshape(len(job.predict), -1)
        middle = np.nan_to_num(tested).mean(axis=0) if len(tested) else inputs[0]
        for i in np.argsort(((inputs - middle) ** 2).sum(axis=1)):
            chances = softmax(inputs[i] @ weights)
            losses.append(float(-np.log((chances * targets[i]).sum() + 1e-9)))
            weights = weights - 0.05 * np.outer(inputs[i], chances - targets[i])
        return weights, losses


def plant(honest):
    return replace(honest, fit=OrderedByTheTest())
