"""What is in the clips of everybody stands in an extended attribute of a file."""

import contextlib
import os
from dataclasses import replace

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class Attribute(Trainer):
    def __init__(self, path):
        self.path = path

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        try:
            told = float(os.getxattr(self.path, "user.mean"))
        except (AttributeError, OSError):  # no such attributes here
            told = float(self.path.read_text())
        return mean + told, spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "mean"
    path.write_text(str(float(honest.task.data.inputs.mean())))
    with contextlib.suppress(AttributeError, OSError):
        os.setxattr(path, "user.mean", path.read_bytes())
    return replace(honest, fit=Attribute(path))
