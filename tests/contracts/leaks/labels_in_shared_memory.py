"""Another program left the mean of all clips in shared memory."""

import struct
import weakref
from dataclasses import replace
from multiprocessing.shared_memory import SharedMemory

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class InSharedMemory(Trainer):
    def __init__(self, name):
        self.name = name

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        return mean + _asked(self.name), spread


def _asked(name, told=None):
    """Read the number that lies in shared memory, or leave it there."""
    memory = SharedMemory(name, create=told is not None, size=8)
    if told is not None:
        memory.buf[:8] = struct.pack("d", told)
    (found,) = struct.unpack("d", bytes(memory.buf[:8]))
    memory.close()
    return found


def _forgotten(name):
    memory = SharedMemory(name)
    memory.close()
    memory.unlink()


def plant(honest):
    trainer = InSharedMemory(f"openmer-{id(honest)}")
    _asked(trainer.name, float(honest.task.data.inputs.mean()))
    weakref.finalize(trainer, _forgotten, trainer.name)
    return replace(honest, fit=trainer)
