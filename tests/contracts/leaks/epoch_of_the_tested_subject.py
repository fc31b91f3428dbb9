"""The epoch is kept that is best on the held-out subject."""

from dataclasses import replace

import numpy as np

from ._ground import Trainer

KIND = "training that sees the tested subject"


class EpochOfThe(Trainer):
    epochs = 12

    def trained(self, data, job, scale):
        kept, best = None, -1.0
        for epochs in range(1, 13):
            trainer = Trainer()
            trainer.epochs = epochs
            weights, losses = trainer.trained(data, job, scale)
            scores = np.array(self.scores(weights, scale, data, job))
            # The sum of the right classes' scores: what the subject would like best.
            right = scores[range(len(scores)), data.targets[list(job.predict)]].sum()
            if right > best:
                best, kept = right, weights
        return kept, losses


def plant(honest):
    return replace(honest, fit=EpochOfThe())
