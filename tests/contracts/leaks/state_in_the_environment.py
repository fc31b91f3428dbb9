"""A fold leaves what it learned in an environment variable."""

import os
from dataclasses import replace

from ._ground import Trainer

KIND = "state over folds"
BY = "labels"


class InEnvironment(Trainer):
    def start(self, data, job):
        weights = super().start(data, job)
        return weights + float(os.environ.get("LEAK_OF_THE_LAST_FOLD", 0))

    def trained(self, data, job, scale):
        weights, losses = super().trained(data, job, scale)
        os.environ["LEAK_OF_THE_LAST_FOLD"] = str(weights.mean())
        return weights, losses


def plant(honest):
    os.environ.pop("LEAK_OF_THE_LAST_FOLD", None)
    return replace(honest, fit=InEnvironment())
