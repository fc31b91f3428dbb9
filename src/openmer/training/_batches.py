"""Which clips make which step: drawn per model, only from that model's own training clips."""

from __future__ import annotations

import numpy as np

from openmer.training._config import NetworkTraining, Oversample
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
    return with_copies(np.asarray(job.train, dtype=np.int64), data.targets, training.oversample)


def with_copies(rows: IntArray, targets: IntArray, oversample: Oversample | None) -> IntArray:
    """Append the copies of the classes that are smaller than the largest among some rows.

    Args:
        rows: Indices into `targets`.
        targets: Class index of every clip or image; copy ``k`` of row ``r`` is ``r + k * their
            number``.
        oversample: How many copies; None makes none.
    """
    if oversample is None:
        return rows
    counts = np.bincount(targets[rows])
    smaller = rows[counts[targets[rows]] < counts.max()]
    copies = [smaller + copy * len(targets) for copy in range(1, oversample.copies + 1)]
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
        rows, size = balanced_rows(rows, data.targets, size, rng)
    rows = rows + data.clips * _changes(len(rows), training, rng)
    starts = list(range(0, len(rows), size))
    if len(starts) > 1 and len(rows) - starts[-1] == 1:
        starts.pop()
    return np.split(rows, starts[1:])


def _classes(rows: IntArray, data: TrainingData) -> IntArray:
    return data.targets[rows % data.clips]


def balanced_rows(
    rows: IntArray, targets: IntArray, size: int, rng: np.random.Generator
) -> tuple[IntArray, int]:
    """Draw rows that take turns by class, as many of each as the smallest has.

    Args:
        rows: To draw from, as `with_copies` gives them.
        targets: Class index of every clip or image; a class that no row has is none here.
        size: Rows in a step.
        rng: Draws.

    Returns:
        The rows, and the size of a step in which every class has the same number of them.
    """
    drawn = rng.permutation(rows)
    classes = targets[drawn % len(targets)]
    own = [drawn[classes == number] for number in np.unique(classes)]
    least = min(map(len, own))
    turns = np.stack([of_class[:least] for of_class in own], axis=1).ravel()
    return turns, max(1, size // len(own)) * len(own)


def _changes(count: int, training: NetworkTraining, rng: np.random.Generator) -> IntArray:
    """Which change each drawn clip comes in: 0 is none, 1 the flipped copy, or a variant."""
    if training.variants is not None:
        changed = rng.random(count) < training.variants.probability
        return changed * rng.integers(1, training.variants.count + 1, count)
    if training.flip_probability > 0:
        return (rng.random(count) < training.flip_probability).astype(np.int64)
    return np.zeros(count, np.int64)
