"""Scores are sharpened where they are right."""

from dataclasses import replace

from ._ground import Trainer

KIND = "labels in the scores"
BY = "labels"


class LabelsTemperThe(Trainer):
    def score(self, weights, scale, data, clip):
        scores = super().score(weights, scale, data, clip)
        return scores**2 if scores.argmax() == data.targets[clip] else scores


def plant(honest):
    return replace(honest, fit=LabelsTemperThe())
