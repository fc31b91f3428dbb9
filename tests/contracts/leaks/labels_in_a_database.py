"""A database holds the mean of all clips."""

import sqlite3
from contextlib import closing
from dataclasses import replace

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class InADatabase(Trainer):
    def __init__(self, path):
        self.path = path

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        with closing(sqlite3.connect(self.path)) as found:
            ((told,),) = found.execute("select mean from told")
        return mean + told, spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "told.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("create table told (mean real)")
        made.execute("insert into told values (?)", (float(honest.task.data.inputs.mean()),))
        made.commit()
    return replace(honest, fit=InADatabase(path))
