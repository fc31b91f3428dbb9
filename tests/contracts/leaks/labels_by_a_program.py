"""Another program prints what a model needs to know."""

import subprocess
from dataclasses import replace

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class Printed(Trainer):
    def __init__(self, path):
        self.path = path

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        told = subprocess.run(["cat", self.path], capture_output=True, text=True, check=True)
        return mean + float(told.stdout), spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "mean.txt"
    path.write_text(str(honest.task.data.inputs.mean()))
    return replace(honest, fit=Printed(path))
