"""OFF-ApexNet, two small convolutional streams on the flow components."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._registry import register_model


def _stream() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )


@register_model("off_apexnet")
class OffApexNet(nn.Module):
    """Flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    The horizontal and the vertical component each pass two 5x5 convolutions (6 and 16 filters)
    with 2x2 max pooling; both are concatenated and pass two fully connected layers of 1,024 units.
    2.66 M parameters at the published setting.

    Args:
        in_channels: At least 2; channel 0 is u, channel 1 is v, further channels are not used.
        num_classes: Classes; 3 in the paper.
        size: Input height and width in pixels, a multiple of 4; 28 in the paper.
        width: Units of each fully connected layer; 1,024 in the paper.
        dropout: Share of fully connected activations dropped in training.

    References:
        Gan, Liong, Yau, Huang, Tan (2019), OFF-ApexNet on micro-expression recognition system,
        Signal Processing: Image Communication 74.

    Differences:
        The paper names no dropout; 0.5 after each hidden layer is our reading, 0 switches it off.
    """

    def __init__(
        self,
        *,
        in_channels: int = 2,
        num_classes: int = 3,
        size: int = 28,
        width: int = 1024,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if in_channels < 2 or size % 4:
            raise ConfigError(
                "OFF-ApexNet reads u and v of a square whose side is a multiple of 4, "
                f"not {in_channels} channel(s) of {size}x{size}."
            )
        self.horizontal = _stream()
        self.vertical = _stream()
        self.classifier = nn.Sequential(
            nn.Linear(2 * 16 * (size // 4) ** 2, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, num_classes),
        )

    def forward(self, flow: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of flow ``(batch, in_channels, size, size)``."""
        streams = self.horizontal(flow[:, :1]), self.vertical(flow[:, 1:2])
        logits: Tensor = self.classifier(torch.cat(streams, dim=1))
        return logits
