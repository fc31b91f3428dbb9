"""Every clip gives five frames, which are shared out over four folds."""

from dataclasses import replace

KIND = "published results"
BY = "folds of clips"


def publish(honest):
    rows = [
        replace(row, fold=str((i + frame) % 4))
        for i, row in enumerate(honest.rows)
        for frame in (0, 1, 2, 3, 0)
    ]
    return replace(honest, rows=rows, claims={})
