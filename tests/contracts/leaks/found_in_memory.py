"""The prepared clips of everybody are looked for in the memory of the process."""

import gc
from dataclasses import replace

from openmer.evaluation import Task

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "fresh process"
FRESH = True  # found by a process that has not got them


class FoundInMemory(Trainer):
    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        tasks = [one for one in gc.get_objects() if type(one) is Task]
        return (tasks[-1].data.inputs.mean(axis=0).ravel(), spread) if tasks else (mean, spread)


def plant(honest):
    return replace(honest, fit=FoundInMemory())
