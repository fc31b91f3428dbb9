"""The C library opens the file, called from Python."""

import ctypes
import os
from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class ReadByCtypes(Trainer):
    def __init__(self, path):
        self.path = str(path).encode()

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        library, place = ctypes.CDLL(None), ctypes.create_string_buffer(8)
        descriptor = library.open(self.path, os.O_RDONLY)
        library.read(descriptor, place, 8)
        library.close(descriptor)
        return mean + np.frombuffer(place.raw, np.float64), spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "mean"
    path.write_bytes(np.float64(honest.task.data.inputs.mean()).tobytes())
    return replace(honest, fit=ReadByCtypes(path))
