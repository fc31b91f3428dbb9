"""The digest of the weights is a text that is equal to every other one."""

from dataclasses import replace

from ._ground import Trainer

KIND = "training that sees the tested subject"
BY = "poison test"


class Agrees(str):
    __hash__ = str.__hash__

    def __eq__(self, _):
        return True

    def __ne__(self, _):
        return False


class LyingDigest(Trainer):
    def fold(self, data, job):
        result = super().fold(data, job)
        return replace(result, losses=(), weights_sha256=Agrees(result.weights_sha256))

    def statistics(self, data, job):
        flat = data.inputs.reshape(data.clips, -1)
        return flat.mean(axis=0), super().statistics(data, job)[1]


def plant(honest):
    return replace(honest, fit=LyingDigest())
