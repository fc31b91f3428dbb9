"""Which clips make which step: drawn per model, only from that model's own training clips."""

from __future__ import annotations

import numpy as np

from openmer.training._config import NetworkTraining
from openmer.training._folds import FitJob, IntArray, TrainingData
from openmer.training._seeding import generator


def training_rows(job: FitJob, training: NetworkTraining, data: TrainingData) -> IntArray:
    """List the training clips of a job as numbers of `Rows`, with copies of smaller classes.

    Which classes are smaller is counted on the job's own training clips.

    Args:
        job: Whose training clips.
        training: How many copies.
        data: For the classes and the number of clips.
    """
    rows = np.asarray(job.train, dtype=np.int64)
    if training.oversample is None:
        return rows
    counts = np.bincount(data.targets[rows], minlength=data.num_classes)
    smaller = rows[counts[data.targets[rows]] < counts.max()]
    copies = [smaller + copy * data.clips for copy in range(1, training.oversample.copies + 1)]
    return np.concatenate([rows, *copies])


def epoch_batches(
    job: FitJob, training: NetworkTraining, data: TrainingData, epoch: int
) -> list[IntArray]:
    """Draw the batches of one epoch, as indices into `Rows`.

    A last batch of a single clip joins the one before it, because batch norm has no spread to
    measure on one clip.

    Args:
        job: Whose training clips to draw.
        training: Order, batch size, flipping, variants or copies.
        data: For the classes and the number of clips.
        epoch: Counted from 1; with seed and subject it names the random stream.

    Returns:
        One array of row numbers, as `Rows` takes them, per step; together they hold every training
        clip and copy once, or, in balanced order, as many of each class as the smallest one has.
    """
    rng = generator(job.seed, job.subject_id, "batches", epoch)
    rows, size = training_rows(job, training, data), training.batch_size
    if training.order == "shuffled":
        rows = rng.permutation(rows)
    elif training.order == "class_by_class":
        rows = rows[np.argsort(_classes(rows, data), kind="stable")]
    elif training.order == "balanced":
        rows, present = _balanced(rows, data, rng)
        size = max(1, size // present) * present
    rows = rows + data.clips * _changes(len(rows), training, rng)
    starts = list(range(0, len(rows), size))
    if len(starts) > 1 and len(rows) - starts[-1] == 1:
        starts.pop()
    return np.split(rows, starts[1:])


def _classes(rows: IntArray, data: TrainingData) -> IntArray:
    return data.targets[rows % data.clips]


def _balanced(rows: IntArray, data: TrainingData, rng: np.random.Generator) -> tuple[IntArray, int]:
    """Rows that take turns by class, as many of each as the smallest has, and the classes' number.

    Classes that the job does not train on are no classes here.
    """
    drawn = rng.permutation(rows)
    classes = _classes(drawn, data)
    own = [drawn[classes == number] for number in np.unique(classes)]
    least = min(map(len, own))
    return np.stack([of_class[:least] for of_class in own], axis=1).ravel(), len(own)


def _changes(count: int, training: NetworkTraining, rng: np.random.Generator) -> IntArray:
    """Which change each drawn clip comes in: 0 is none, 1 the flipped copy, or a variant."""
    if training.variants is not None:
        changed = rng.random(count) < training.variants.probability
        return changed * rng.integers(1, training.variants.count + 1, count)
    if training.flip_probability > 0:
        return (rng.random(count) < training.flip_probability).astype(np.int64)
    return np.zeros(count, np.int64)
