"""The mean of everybody stands in an environment variable that was set before."""

import os
from dataclasses import replace

from ._ground import Trainer

KIND = "before the program"
LIMIT = "numbers in environment variables"


class InTheEnvironment(Trainer):
    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        return mean + float(os.environ.get("MEAN_OF_ALL", "0.1")), spread


def plant(honest):
    return replace(honest, fit=InTheEnvironment())
