"""The trainer ends the recording before it reads the file."""

from dataclasses import replace

from openmer.evaluation.audit import _hook

from ._ground import Trainer

KIND = "the program itself"
BY = "recording"


class SwitchedOff(Trainer):
    def __init__(self, path):
        self.path = path

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        _hook.stop()
        return mean + float(self.path.read_text()), spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "mean"
    path.write_text(str(float(honest.task.data.inputs.mean())))
    return replace(honest, fit=SwitchedOff(path))
