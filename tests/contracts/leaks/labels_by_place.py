"""The labels are typed into the code, in the order of the clips."""

from dataclasses import replace

from ._ground import Trainer

KIND = "labels in the scores"
BY = "scores"


class ByPlace(Trainer):
    typed = ()

    def score(self, weights, scale, data, clip):
        scores = super().score(weights, scale, data, clip)
        scores[self.typed[clip]] += 0.5
        return scores


def plant(honest):
    trainer = ByPlace()
    trainer.typed = tuple(honest.task.data.targets.tolist())
    return replace(honest, fit=trainer)
