"""Which clips make which step: drawn per model, only from that model's own training clips."""

from __future__ import annotations

import numpy as np

from openmer.training.config import NetworkTraining
from openmer.training.jobs import FitJob, IntArray, TrainingData
from openmer.training.seeding import generator


def epoch_batches(
    job: FitJob, training: NetworkTraining, data: TrainingData, epoch: int
) -> list[IntArray]:
    """The steps of one epoch as numbers of `Rows`.

    A last batch of a single clip joins the one before it, because batch norm has no spread to
    measure on one clip.

    Args:
        job: Whose training clips to draw.
        training: Order, batch size, mirroring or variants.
        data: For the classes and the number of clips.
        epoch: Counted from 1; with seed and person it names the random stream.

    Returns:
        One array of row numbers, as `Rows` takes them, per step; together they hold every training
        clip once.
    """
    rng = generator(job.seed, job.person, "batches", epoch)
    rows = np.asarray(job.train, dtype=np.int64)
    if training.order == "shuffled":
        rows = rng.permutation(rows)
    elif training.order == "class_by_class":
        rows = rows[np.argsort(data.targets[rows], kind="stable")]
    rows = rows + data.clips * _changes(len(rows), training, rng)
    starts = list(range(0, len(rows), training.batch_size))
    if len(starts) > 1 and len(rows) - starts[-1] == 1:
        starts.pop()
    return np.split(rows, starts[1:])


def _changes(count: int, training: NetworkTraining, rng: np.random.Generator) -> IntArray:
    """Which change each drawn clip comes in: 0 is none, 1 the mirrored copy, or a variant."""
    if training.variants is not None:
        changed = rng.random(count) < training.variants.probability
        return changed * rng.integers(1, training.variants.count + 1, count)
    if training.mirror_probability > 0:
        return (rng.random(count) < training.mirror_probability).astype(np.int64)
    return np.zeros(count, np.int64)
