"""The trainer replaces the package's own UF1, which then is 1 for everybody."""

from dataclasses import replace

from openmer.evaluation import _metrics

from ._ground import Trainer

KIND = "the program itself"
BY = "own code"


_own = _metrics.uf1


def _always_one(counts):
    return 1.0


class MetricsReplaced(Trainer):
    def fold(self, data, job):
        _metrics.uf1 = _always_one
        return super().fold(data, job)


def plant(honest):
    return replace(honest, fit=MetricsReplaced())


def undo():
    _metrics.uf1 = _own
