"""The trainer tells the same digest and no losses, whatever it has learned from everybody."""

from dataclasses import replace

from ._ground import Trainer

KIND = "training that sees the tested subject"
BY = "scores"


class ConstantDigest(Trainer):
    def fold(self, data, job):
        return replace(super().fold(data, job), losses=(), weights_sha256="0" * 64)

    def statistics(self, data, job):
        flat = data.inputs.reshape(data.clips, -1)
        return flat.mean(axis=0), flat.std(axis=0) + 1e-3


def plant(honest):
    return replace(honest, fit=ConstantDigest())
