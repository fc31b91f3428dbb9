"""Three seeds, and the score of the best one."""

import random
from dataclasses import replace

from ._published import uar

KIND = "published results"
BY = "best seed"


def publish(honest):
    rng = random.Random(1)
    rows = [
        replace(row, seed=str(seed), predicted=row.truth if rng.random() < 0.6 else "negative")
        for seed in range(3)
        for row in honest.rows
    ]
    best = max(uar([row for row in rows if row.seed == str(seed)]) for seed in range(3))
    return replace(honest, rows=rows, claims={"uar": best})
