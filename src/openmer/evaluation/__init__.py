"""How a method is judged: predictions, scores, intervals, comparisons, reports; no PyTorch."""

from openmer.evaluation._metrics import (
    PerClass,
    Scores,
    accuracy,
    confusion_matrix,
    f1_of_mean_precision_recall,
    per_class,
    pooled_scores,
    unweighted_average_recall,
    unweighted_f1,
)
from openmer.evaluation._predictions import (
    PredictionTable,
    read_predictions,
    read_run,
    write_predictions,
)
from openmer.evaluation._bootstrap import Comparison, Interval, Intervals, compare_runs
from openmer.evaluation._summary import Summary, summarise

__all__ = [
    "Comparison",
    "Interval",
    "Intervals",
    "PerClass",
    "PredictionTable",
    "Scores",
    "Summary",
    "accuracy",
    "compare_runs",
    "confusion_matrix",
    "f1_of_mean_precision_recall",
    "per_class",
    "pooled_scores",
    "read_predictions",
    "read_run",
    "summarise",
    "unweighted_average_recall",
    "unweighted_f1",
    "write_predictions",
]
