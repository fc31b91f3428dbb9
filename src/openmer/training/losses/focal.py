"""Focal loss (Lin et al. 2017, Focal Loss for Dense Object Detection, equation 5)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from openmer.training._config import LossConfig
from openmer.training._loss_registry import register_loss


@register_loss("focal")
def focal(logits: Tensor, targets: Tensor, loss: LossConfig) -> Tensor:
    """Compute ``-(1 - p_t)^gamma log p_t`` of each clip, shape ``(clips,)``."""
    losses = F.cross_entropy(logits, targets, reduction="none")
    return (1 - torch.exp(-losses)) ** loss.gamma * losses
