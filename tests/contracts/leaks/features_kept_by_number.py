"""Features are kept by the number of a clip, so that a changed clip gets its old ones."""

from dataclasses import replace

from ._ground import Trainer

KIND = "state over folds"
BY = "scores"


class KeptByNumber(Trainer):
    def __init__(self):
        self.kept = {}

    def fold(self, data, job):
        mean = data.inputs.mean(axis=0)
        for clip in (*job.train, *job.predict):
            self.kept.setdefault(clip, data.inputs[clip] - mean)
        inputs = data.inputs.copy()
        for clip, feature in self.kept.items():
            inputs[clip] = feature
        return super().fold(replace(data, inputs=inputs), job)


def plant(honest):
    return replace(honest, fit=KeptByNumber())
