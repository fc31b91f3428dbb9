"""When to say nothing: the confidence below which a model does not answer.

The rule: among the confidences 0.50, 0.51, ..., 0.99, the smallest one at which, of the clips of
held-out subjects that are answered, the share that is right, less its standard error, reaches the
target (`TARGET`), and at least a tenth of all clips is answered. Without the standard error, the
first of so many confidences that seems good enough would be taken, and be right less often on
other subjects. It begins at one half, because below it the model itself holds its answer for more
likely wrong than right. Where no confidence reaches the target, it is one half.

References:
    Chow (1970), On optimum recognition error and reject tradeoff.
    Geifman and El-Yaniv (2017), Selective classification for deep neural networks, NeurIPS:
    coverage and the risk of what is answered, which they bound with a chosen probability; here the
    bound is one standard error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openmer.errors import ConfigError
from openmer.evaluation._metrics import Numbers

TARGET = 0.8
LEAST_CONFIDENCE = 0.5
LEAST_COVERAGE = 0.1

_STEPS = 100


def answered(probabilities: Numbers, confidence: float) -> NDArray[np.bool_]:
    """Whether the most likely class of each row reaches a confidence.

    Args:
        probabilities: Shape ``(..., classes)``.
        confidence: The threshold, 0..1.
    """
    return np.asarray(probabilities.max(axis=-1) >= confidence)


def choose_threshold(
    probabilities: Numbers, truth: NDArray[np.int64], target: float = TARGET, *, seeds: int = 1
) -> float | None:
    """Choose the threshold by the rule of this module.

    Args:
        probabilities: Calibrated, of held-out subjects, shape ``(clips, classes)``.
        truth: True class index of each clip.
        target: Share of right answers, above 0 and at most 1.
        seeds: How often each clip is among the rows; it counts once.

    Returns:
        The confidence from which on a model answers, 0.5..0.99; None where none reaches the target.
    """
    if not 0 < target <= 1:
        raise ConfigError(f"The share of right answers is {target}; expected above 0, at most 1.")
    right = probabilities.argmax(axis=1) == truth
    least = LEAST_COVERAGE * len(truth)
    for step in range(round(LEAST_CONFIDENCE * _STEPS), _STEPS):
        says = answered(probabilities, step / _STEPS)
        if says.sum() < least:
            break
        share = right[says].mean()
        if share - np.sqrt(share * (1 - share) * seeds / says.sum()) >= target:
            return step / _STEPS
    return None
