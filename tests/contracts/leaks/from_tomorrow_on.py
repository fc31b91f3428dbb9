"""The trainer is honest until tomorrow."""

import time
from dataclasses import replace

from ._ground import Trainer

KIND = "delay"
LIMIT = "leaks only after the audit"


class FromTomorrow(Trainer):
    def __init__(self):
        self.since = time.time() + 86400

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        if time.time() > self.since:
            mean = data.inputs.reshape(data.clips, -1).mean(axis=0)
        return mean, spread


def plant(honest):
    return replace(honest, fit=FromTomorrow())
