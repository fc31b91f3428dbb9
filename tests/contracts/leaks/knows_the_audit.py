"""The trainer is honest while it is audited."""

import os
from dataclasses import replace

from ._ground import Trainer

KIND = "delay"
LIMIT = "knows that it is audited"


class KnowsTheAudit(Trainer):
    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        if "OPENMER_AUDIT_LOG" not in os.environ:
            mean = data.inputs.reshape(data.clips, -1).mean(axis=0)
        return mean, spread


def plant(honest):
    return replace(honest, fit=KnowsTheAudit())
