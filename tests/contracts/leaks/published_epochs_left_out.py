"""Predictions of ten epochs, of which the worst three of each subject are left out."""

import random
from dataclasses import replace

KIND = "published results"
BY = "epochs"
NOTED = True  # a file may have been cut for its size


def publish(honest):
    rng = random.Random(0)
    rows = []
    for fold in dict.fromkeys(row.fold for row in honest.rows):
        left = set(rng.sample(range(1, 9), 3))
        own = [row for row in honest.rows if row.fold == fold]
        rows += [replace(row, epoch=i) for row in own for i in range(10) if i not in left]
    return replace(honest, rows=rows, claims={})
