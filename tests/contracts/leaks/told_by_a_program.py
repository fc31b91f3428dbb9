"""A program is asked through a shell."""

import os
from dataclasses import replace

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class ToldByAProgram(Trainer):
    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        with os.popen("echo 0.5") as asked:
            return mean + float(asked.read()), spread


def plant(honest):
    return replace(honest, fit=ToldByAProgram())
