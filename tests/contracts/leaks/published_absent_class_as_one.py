"""Of a part without surprise, the F1 of surprise counts as 1."""

from dataclasses import replace

from openmer.evaluation import per_class_of
from openmer.evaluation.audit._results_table import counts_of

KIND = "published results"
BY = "absent class"


def publish(honest):
    rows = [row for row in honest.rows if row.truth != "surprise"]
    rows = [
        replace(row, predicted="negative") if row.predicted == "surprise" else row for row in rows
    ]
    rows[0] = replace(rows[0], predicted="surprise")
    counts = counts_of(rows, ["negative", "positive", "surprise"])
    f1 = per_class_of(counts).f1
    return replace(
        honest, rows=rows, truth=None, claims={"uf1": round(float(f1[0] + f1[1] + 1) / 3, 4)}
    )
