"""The file lies in a temporary folder that is called as those of PyTorch are."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


_planted = []


class InAFolder(Trainer):
    def __init__(self, path):
        self.path = path

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        return mean + float(self.path.read_text()), spread


def plant(honest):
    folder = Path(tempfile.mkdtemp(prefix="torch_planted_leak_"))
    _planted.append(folder)
    (folder / "mean").write_text(str(float(honest.task.data.inputs.mean())))
    return replace(honest, fit=InAFolder(folder / "mean"))


def undo():
    while _planted:
        shutil.rmtree(_planted.pop())
