"""The file lies in a temporary folder that is called as those of PyTorch are."""

import tempfile
from dataclasses import replace
from pathlib import Path

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class InAFolder(Trainer):
    def __init__(self, path):
        self.path = path

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        return mean + float(self.path.read_text()), spread


def plant(honest):
    folder = Path(tempfile.gettempdir()) / "torch_planted_leak"
    folder.mkdir(exist_ok=True)
    (folder / "mean").write_text(str(float(honest.task.data.inputs.mean())))
    return replace(honest, fit=InAFolder(folder / "mean"))
