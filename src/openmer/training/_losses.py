"""Losses as functions from logits to one number per clip."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from openmer.errors import ConfigError
from openmer.training._config import LossConfig
from openmer.training._loss_registry import LOSSES, Loss


def clip_losses(
    logits: Tensor,
    targets: Tensor,
    loss: LossConfig,
    class_weights: Tensor,
    function: Loss | None = None,
) -> Tensor:
    """Compute the loss of each clip.

    Args:
        logits: Shape ``(clips, classes)``.
        targets: Class indices, shape ``(clips,)``.
        loss: Which loss, by its registered name.
        class_weights: From `class_weights`, shape ``(classes,)``.
        function: `loss_function` of it, where the names of losses must not be looked up, as in a
            compiled step.

    Returns:
        Shape ``(clips,)``, never negative.
    """
    compute = function or loss_function(loss)
    return class_weights[targets] * compute(logits, targets, loss)


def loss_function(loss: LossConfig) -> Loss:
    """Return the function behind the name of a loss.

    Raises:
        ConfigError: No loss has that name.
    """
    return LOSSES[loss.name]


def head_penalty(weight: Tensor, loss: LossConfig) -> Tensor:
    """``head_l1`` times the sum of magnitudes plus ``head_l2`` times that of squares.

    Args:
        weight: Of the last linear layer, shape ``(classes, features)``.
        loss: Holds both factors.

    Returns:
        A scalar, never negative.
    """
    return loss.head_l1 * weight.abs().sum() + loss.head_l2 * weight.square().sum()


def class_weights(
    loss: LossConfig, training_targets: npt.NDArray[np.int64], num_classes: int
) -> Tensor:
    """Return the weight of each class for one fold.

    Args:
        loss: Names the weights, or asks for balanced ones.
        training_targets: Class indices of the fold's own training clips.
        num_classes: Number of classes.

    Returns:
        float32, shape ``(classes,)``; balanced weights average 1 over the training clips.

    Raises:
        ConfigError: `LossConfig.class_weights` does not have one weight per class.
    """
    if loss.class_weights == "balanced":
        counts = np.bincount(training_targets, minlength=num_classes).clip(1)
        present = (np.bincount(training_targets, minlength=num_classes) > 0).sum()
        return torch.from_numpy(len(training_targets) / (present * counts)).float()
    if not loss.class_weights:
        return torch.ones(num_classes)
    if len(loss.class_weights) != num_classes:
        raise ConfigError(
            f"loss.class_weights has {len(loss.class_weights)} weights for {num_classes} "
            "classes; give one per class, in the order of the label scheme."
        )
    return torch.tensor(loss.class_weights)
