"""Leaks on purpose: what published numbers may be made of, each marked LEAKY and never a model.

Beside the epoch rule ``held_out``. Nothing here is used unless a protocol asks for it by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from openmer.errors import ConfigError
from openmer.evaluation._splits import Fold
from openmer.methods import Method
from openmer.training import FloatArray, NetworkTraining, SvmTraining, TrainingData

Leak = Literal["carried_weights", "substring_subjects", "global_scaling"]

LEAKS: tuple[Leak, ...] = get_args(Leak)


def require_possible(leak: Leak | None, method: Method) -> None:
    """Refuse a leak that a method cannot have."""
    training = method.training
    carries = isinstance(training, NetworkTraining) and method.search is None
    if leak == "carried_weights" and not carries:
        raise ConfigError(
            f"The leak carried_weights goes on with the weights of the fold before, but "
            f"{method.name} {'searches in every fold' if method.search else 'has no network'}. "
            "Choose a method that trains a network, without [search]."
        )
    if leak == "global_scaling" and not isinstance(training, NetworkTraining | SvmTraining):
        raise ConfigError(
            f"The leak global_scaling scales every input value, but {method.name} takes flow as it "
            "is. Choose a method with a network or a support vector machine."
        )


def substring_folds(folds: Sequence[Fold], subjects: Sequence[str]) -> tuple[Fold, ...]:
    """Test, with each subject, all whose id contains that subject's, though trained on them.

    So ``"smic/s1" in "smic/s11"`` tests the clips of s11 by a model that has learned from them. A
    clip is tested by the first fold that finds it; a fold without any is left out.

    Args:
        folds: Leave-one-subject-out, sorted by subject.
        subjects: `Clip.subject_id` of every clip.
    """
    tested: set[int] = set()
    found = []
    for fold in folds:
        matching = (i for i, other in enumerate(subjects) if fold.held_out in other)
        test = tuple(i for i in matching if i not in tested)
        tested.update(test)
        if test:
            found.append(replace(fold, test=test))
    return tuple(found)


def scaled_together(data: TrainingData) -> TrainingData:
    """Scale every input value by its mean and spread over all clips, tested ones among them."""
    mean = data.inputs.mean(axis=0, dtype=np.float64)
    spread = data.inputs.std(axis=0, dtype=np.float64)

    def scaled(inputs: FloatArray) -> FloatArray:
        return np.asarray((inputs - mean) / np.where(spread > 0, spread, 1), dtype=np.float32)

    flipped = None if data.flipped is None else scaled(data.flipped)
    return replace(data, inputs=scaled(data.inputs), flipped=flipped)
