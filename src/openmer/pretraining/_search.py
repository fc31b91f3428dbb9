"""The grid of a pretraining: every combination of its values, and how they are compared."""

from __future__ import annotations

import itertools
import math

from openmer.methods import Method, with_settings
from openmer.pretraining._spec import Pretrained
from openmer.training import Pretraining, Scalar


def trials_of(method: Method) -> list[tuple[dict[str, Scalar], Pretraining]]:
    """List every trial's settings, with the pretraining that has them; one where nothing varies.

    Args:
        method: Its section ``[pretraining]`` may have a table ``search``.

    Raises:
        ConfigError: A key is none of a pretraining, or a value is wrong.
    """
    config = method.pretraining
    if config is None:
        return []
    if not config.search:
        return [({}, config)]
    alone = method.model_copy(update={"pretraining": config.model_copy(update={"search": {}})})
    trials = []
    for values in itertools.product(*config.search.values()):
        settings = dict(zip(config.search, values, strict=True))
        below = {f"pretraining.{key}": value for key, value in settings.items()}
        changed = with_settings(alone, below).pretraining
        if changed is not None:
            trials.append((settings, changed))
    return trials


def score_of(config: Pretraining, made: Pretrained) -> float:
    """Return the validation score that chose the epoch, the lower the better."""
    best = [epoch for epoch in made.epochs if epoch.best]
    if not best:
        return math.inf
    last = best[-1]
    return last.validation_loss if config.validation_score == "loss" else -last.validation_accuracy
