"""The size of a file says what is in the clips of everybody."""

from dataclasses import replace

from ._ground import Trainer

KIND = "data from elsewhere"
LIMIT = "names, sizes and times of files"


class SizeOf(Trainer):
    def __init__(self, path):
        self.path = path

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        return mean + self.path.stat().st_size / 1000, spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "size"
    path.write_bytes(bytes(int(1000 * abs(honest.task.data.inputs.mean()))))
    return replace(honest, fit=SizeOf(path))
