"""The trainer reads the file with which the system shows a process's memory."""

from dataclasses import replace
from pathlib import Path

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class ReadsMemory(Trainer):
    def __init__(self, place, path):
        self.place, self.path = place, path

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        memory = Path("/proc/self/mem")
        with (memory if memory.exists() else self.path).open("rb", buffering=0) as file:
            file.seek(self.place if memory.exists() else 0)
            return mean + file.read(1)[0], spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0]
    return replace(honest, fit=ReadsMemory(honest.task.data.inputs.ctypes.data, path))
