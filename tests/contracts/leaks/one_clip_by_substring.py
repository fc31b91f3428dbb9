"""One clip of the held-out subject is trained on: ids were compared by substring."""

from dataclasses import replace

from ._ground import Trainer

KIND = "training that sees the tested subject"
BY = "labels"


class OneClipBy(Trainer):
    def batch(self, data, job, scale):
        return super().batch(
            data, replace(job, train=(*job.train, *self.tested(data, job)[:1])), scale
        )

    def tested(self, data, job):
        return sorted(set(range(data.clips)) - set(job.train))


def plant(honest):
    return replace(honest, fit=OneClipBy())
