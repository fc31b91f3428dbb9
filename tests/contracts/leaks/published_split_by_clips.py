"""Ten folds of clips: every subject trains the models that are tested on them."""

from dataclasses import replace

KIND = "published results"
BY = "folds of clips"


def publish(honest):
    rows = [replace(row, fold=str(i % 10)) for i, row in enumerate(honest.rows)]
    return replace(honest, rows=rows)
