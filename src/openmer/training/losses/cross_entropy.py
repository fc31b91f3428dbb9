"""Cross-entropy: the negative logarithm of the true class's probability."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from openmer.training._config import LossConfig
from openmer.training._loss_registry import register_loss


@register_loss("cross_entropy")
def cross_entropy(logits: Tensor, targets: Tensor, _: LossConfig) -> Tensor:
    """Compute ``-log p_t`` of each clip, shape ``(clips,)``."""
    return F.cross_entropy(logits, targets, reduction="none")
