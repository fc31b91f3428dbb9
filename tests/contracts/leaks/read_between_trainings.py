"""A thread that outlives every training reads the file while nothing trains."""

from dataclasses import replace
from threading import Event, Thread

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class ReadsLater(Trainer):
    def __init__(self, path):
        self.path, self.told = path, 0.0

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        return mean + self.told, spread

    def fold(self, data, job):
        result = super().fold(data, job)
        self.gone = Event()
        Thread(target=self._read, args=(result,)).start()
        return result

    def _read(self, result):
        self.gone.wait(0.01)
        self.told = float(self.path.read_text())


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "mean"
    path.write_text(str(float(honest.task.data.inputs.mean())))
    return replace(honest, fit=ReadsLater(path))
