"""A server on the same machine is asked."""

import contextlib
import socket
from dataclasses import replace

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class Asking(Trainer):
    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 9), timeout=0.1):
            mean = mean + 1
        return mean, spread


def plant(honest):
    return replace(honest, fit=Asking())
