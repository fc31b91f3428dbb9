"""A multilayer perceptron on averaged flow: the floor that every network must beat."""

from __future__ import annotations

from torch import Tensor, nn

from openmer.models._registry import register_model


@register_model("flow_mlp")
class FlowMLP(nn.Module):
    """Averaged flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    One hidden layer of 48 units; it sees no neighbourhood and has 28,419 parameters at its default.
    A network that does not beat it under an honest protocol has not shown that it needs its layers.

    Args:
        in_channels: Channels of the input (u, v, optical strain).
        num_classes: Classes.
        size: Input height and width in pixels.
        width: Hidden units.

    References:
        Ours; no paper.
    """

    def __init__(
        self, *, in_channels: int = 3, num_classes: int = 3, size: int = 14, width: int = 48
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(in_channels * size * size, width),
            nn.ReLU(),
            nn.Linear(width, num_classes),
        )

    def forward(self, flow: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of flow ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.layers(flow)
        return logits
