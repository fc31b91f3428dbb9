"""Three seeds, and for each subject the best one."""

import random
from collections import Counter, defaultdict
from dataclasses import replace

KIND = "published results"
BY = "best seed"


def publish(honest):
    rng = random.Random(1)
    rows = [
        replace(row, seed=str(seed), predicted=row.truth if rng.random() < 0.6 else "negative")
        for seed in range(3)
        for row in honest.rows
    ]
    right = defaultdict(Counter)
    for row in rows:
        right[row.fold][row.seed] += row.predicted == row.truth
    most = sum(max(seeds.values()) for seeds in right.values())
    return replace(honest, rows=rows, claims={"accuracy": round(most / len(honest.rows), 4)})
