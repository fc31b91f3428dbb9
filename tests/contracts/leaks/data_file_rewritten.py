"""The file is read, then written again, as if the training had made it itself."""

from dataclasses import replace

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class Rewritten(Trainer):
    def __init__(self, path):
        self.path = path

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        told = self.path.read_text()
        self.path.write_text(told)
        return mean + float(told), spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "mean"
    path.write_text(str(float(honest.task.data.inputs.mean())))
    return replace(honest, fit=Rewritten(path))
