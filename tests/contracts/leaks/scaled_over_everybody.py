"""Mean and spread are of all clips, the held-out ones included."""

from dataclasses import replace

from ._ground import Trainer

KIND = "training that sees the tested subject"
BY = "poison test"


class ScaledOverEverybody(Trainer):
    def statistics(self, data, job):
        seen = data.inputs.reshape(data.clips, -1)
        return seen.mean(axis=0), seen.std(axis=0) + 1e-3


def plant(honest):
    return replace(honest, fit=ScaledOverEverybody())
