"""The mean of the folds' accuracies is printed."""

from collections import defaultdict
from dataclasses import replace

KIND = "published results"
BY = "mean of folds"


def publish(honest):
    folds = defaultdict(list)
    for row in honest.rows:
        folds[row.fold].append(row.predicted == row.truth)
    mean = sum(sum(own) / len(own) for own in folds.values()) / len(folds)
    return replace(honest, claims={"accuracy": round(mean, 4)})
