"""The labels of the file are sorted otherwise than its clips."""

from dataclasses import replace

KIND = "published results"
BY = "misaligned order"


def publish(honest):
    truths = [row.truth for row in honest.rows]
    moved = [*truths[5:], *truths[:5]]
    rows = [replace(row, truth=truth) for row, truth in zip(honest.rows, moved, strict=True)]
    return replace(honest, rows=rows)
