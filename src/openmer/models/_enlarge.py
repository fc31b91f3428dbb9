"""What models have in common that need larger inputs than they get."""

from __future__ import annotations

from torch import nn


def enlarging(size: int, side: int) -> nn.Module:
    """Return a layer that enlarges inputs of `size` pixels to `side`; larger ones stay as they are.

    Args:
        size: Height and width of the inputs ``(batch, channels, size, size)``.
        side: Height and width that are needed.
    """
    return nn.Upsample((side, side), mode="bilinear") if side > size else nn.Identity()
