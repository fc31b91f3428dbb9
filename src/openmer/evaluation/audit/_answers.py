"""Answers that nobody taught: what a method says after it was trained with wrong labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import lgamma, log

import numpy as np
from numpy.typing import NDArray

from openmer.evaluation._audit_stamp import Finding
from openmer.evaluation._experiment import Task
from openmer.evaluation.audit._trainings import Trial
from openmer.training import FitResult

_CHANCE = 0.001
_DRAWS = 5000
_ENOUGH = log(100_000)  # orders of the answers, by which so few of them can be right by chance

Labels = NDArray[np.int64]


def check_answers(task: Task, trials: Sequence[Trial]) -> list[Finding]:
    """Note a method that is right although every class was called by another one's name.

    What is learned from training clips is wrong then. Right are a rule that learns nothing, and
    labels of tested clips in the code or in the weights. As many folds are trained so as are needed
    to tell it from chance, and none where there are too few.
    """
    classes = task.data.num_classes
    chosen, orders = [], 0.0
    for trial in trials:
        if orders < _ENOUGH:
            chosen.append(trial)
            orders += _log_orders(task.data.targets[list(trial.fold.test)])
    if classes < 2 or orders < -log(_CHANCE):
        return []
    wrong = replace(task.data, targets=(task.data.targets + 1) % classes)
    told = []
    for trial in chosen:
        outcome = replace(trial, before=()).outcome(wrong)
        if isinstance(outcome, FitResult):
            own = outcome.scores[:, :classes].argmax(axis=1)
            told.append((task.data.targets[list(trial.fold.test)], own))
    right = sum(int((truth == own).sum()) for truth, own in told)
    chance = _chance(told, right)
    if chance >= _CHANCE:
        return []
    message = (
        f"Trained on wrong labels (each class under the name of the next one), the method still "
        f"gives {right} of {sum(len(truth) for truth, _ in told)} held-out clips their true class, "
        f"which chance does in {chance:.2%} of cases: it has not learned that from the training "
        "clips. A fixed rule does so honestly. Otherwise labels of tested clips are in the code or "
        "in the weights: say where the answers come from."
    )
    return [Finding(check="answers", severity="note", fold="", message=message)]


def _log_orders(labels: Labels) -> float:
    """Return the logarithm of the number of different orders of some labels."""
    counts = np.bincount(labels)
    return lgamma(len(labels) + 1) - sum(lgamma(count + 1) for count in counts.tolist())


def _chance(told: Sequence[tuple[Labels, Labels]], right: int) -> float:
    """Return how often as many answers are right if those of a fold are in any order."""
    rng = np.random.default_rng(0)
    hits = np.zeros(_DRAWS, np.int64)
    for truth, own in told:
        hits += (rng.permuted(np.tile(own, (_DRAWS, 1)), axis=1) == truth).sum(axis=1)
    return float((1 + (hits >= right).sum()) / (1 + _DRAWS))
