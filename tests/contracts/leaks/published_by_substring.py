"""The held-out subject is picked by substring, so that s1 also tests s11 to s19."""

from dataclasses import replace

from ._published import uar

KIND = "published results"
BY = "substring"


def publish(honest):
    rows = list(honest.rows)
    for row in honest.rows:
        for fold in sorted({row.subject for row in honest.rows}):
            if fold != row.subject and fold in row.subject:
                rows.append(replace(row, fold=fold, predicted=row.truth))
    return replace(honest, rows=rows, claims={"uar": uar(rows)})
