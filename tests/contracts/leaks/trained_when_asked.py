"""The trainer hands out its results one by one, and works only when somebody asks for one."""

from dataclasses import replace

from ._ground import Trainer

KIND = "data from elsewhere"
BY = "recording"


class TrainedWhenAsked(Trainer):
    def __init__(self, path):
        self.path = path

    def __call__(self, data, jobs):
        return (self.fold(data, job) for job in jobs)

    def statistics(self, data, job):
        mean, spread = super().statistics(data, job)
        return mean + float(self.path.read_text()), spread


def plant(honest):
    path = honest.task.clips[0].frame_paths[0].parents[3] / "mean"
    path.write_text(str(float(honest.task.data.inputs.mean())))
    return replace(honest, fit=TrainedWhenAsked(path))
