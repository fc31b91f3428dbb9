"""The predictions are not the classes with the highest scores."""

from dataclasses import replace

KIND = "published results"
BY = "other than scores"


def publish(honest):
    rows = [replace(row, best=row.predicted) for row in honest.rows]
    wrong = [i for i, row in enumerate(rows) if row.predicted != row.truth][:30]
    for i in wrong:
        rows[i] = replace(rows[i], predicted=rows[i].truth)
    return replace(honest, rows=rows, claims={})
