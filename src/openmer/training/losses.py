"""Losses as functions from logits to one number per clip."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from openmer.errors import ConfigError
from openmer.training.config import LossConfig


def clip_losses(logits: Tensor, targets: Tensor, loss: LossConfig) -> Tensor:
    """Loss of each clip.

    Args:
        logits: Shape ``(clips, classes)``.
        targets: Class indices, shape ``(clips,)``.
        loss: Which loss. The focal loss is ``-alpha_t (1 - p_t)^gamma log p_t`` (Lin et al. 2017,
            equation 5).

    Returns:
        Shape ``(clips,)``, never negative.

    Raises:
        ConfigError: `LossConfig.class_weights` does not have one weight per class.
    """
    losses = F.cross_entropy(logits, targets, reduction="none")
    if loss.name == "focal":
        losses = (1 - torch.exp(-losses)) ** loss.gamma * losses
    if not loss.class_weights:
        return losses
    if len(loss.class_weights) != logits.shape[-1]:
        raise ConfigError(
            f"loss.class_weights has {len(loss.class_weights)} weights for {logits.shape[-1]} "
            "classes; give one per class, in the order of the label scheme."
        )
    return logits.new_tensor(loss.class_weights)[targets] * losses
