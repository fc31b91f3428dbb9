"""Which clips make which step: drawn per model, only from that model's own training clips."""

from __future__ import annotations

import numpy as np

from openmer.training.config import NetworkTraining
from openmer.training.jobs import FitJob, IntArray, TrainingData
from openmer.training.seeding import generator


def epoch_batches(
    job: FitJob, training: NetworkTraining, data: TrainingData, epoch: int
) -> list[IntArray]:
    """The steps of one epoch as rows of `TrainingData.rows`.

    A last batch of a single clip joins the one before it, because batch norm has no spread to
    measure on one clip.

    Args:
        job: Whose training clips to draw.
        training: Order, batch size and mirroring.
        data: For the classes and the number of clips.
        epoch: Counted from 1; with seed and person it names the random stream.

    Returns:
        One array of row numbers per step; together they hold every training clip once.
    """
    rng = generator(job.seed, job.person, "batches", epoch)
    rows = np.asarray(job.train, dtype=np.int64)
    if training.order == "shuffled":
        rows = rng.permutation(rows)
    elif training.order == "class_by_class":
        rows = rows[np.argsort(data.targets[rows], kind="stable")]
    if training.mirror_probability > 0:
        rows = rows + data.clips * (rng.random(len(rows)) < training.mirror_probability)
    starts = list(range(0, len(rows), training.batch_size))
    if len(starts) > 1 and len(rows) - starts[-1] == 1:
        starts.pop()
    return np.split(rows, starts[1:])
