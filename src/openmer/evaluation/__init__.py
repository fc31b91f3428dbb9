"""How a method is judged: predictions, scores, intervals, comparisons, reports; no PyTorch."""

from openmer.evaluation.metrics import (
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
from openmer.evaluation.predictions import (
    PredictionTable,
    read_predictions,
    read_run,
    write_predictions,
)
from openmer.evaluation.statistics import Comparison, Interval, Intervals, compare_runs
from openmer.evaluation.summary import Summary, summarise

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
