"""Predictions of five epochs, and the score of the best one for each subject."""

import random
from collections import defaultdict
from dataclasses import replace

KIND = "published results"
BY = "best epoch"


def publish(honest):
    rng = random.Random(0)
    names = sorted({row.truth for row in honest.rows})
    rows = [
        replace(row, epoch=epoch, predicted=row.truth if rng.random() < 0.6 else rng.choice(names))
        for epoch in range(5)
        for row in honest.rows
    ]
    folds = defaultdict(lambda: defaultdict(list))
    for row in rows:
        folds[row.fold][row.epoch].append(row.predicted == row.truth)
    right = sum(max(sum(own) for own in epochs.values()) for epochs in folds.values())
    return replace(honest, rows=rows, claims={"accuracy": round(right / len(honest.rows), 4)})
