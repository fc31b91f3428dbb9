"""STSTNet, the shallow triple-stream network on onset-to-apex optical flow."""

from __future__ import annotations

from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._registry import register_model


@register_model("ststnet")
class STSTNet(nn.Module):
    """Flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    Three parallel 3x3 convolutions of 3, 5 and 8 filters, each with ReLU, batch norm, 3x3 max
    pooling and dropout; their maps are concatenated, averaged 2x2 and classified by one linear
    layer. 1,683 parameters at the published setting.

    The streams read the same input and nothing connects them before the linear layer, so they are
    written as one convolution of 3 + 5 + 8 filters: the same function, the same initial
    distribution (it depends on the fan-in only), one operation in place of three.

    Args:
        in_channels: Channels of the input; 3 in the paper (u, v, optical strain).
        num_classes: Classes; 3 in the paper.
        size: Input height and width in pixels; 28 in the paper. Values are expected in 0..255.
        dropout: Share of pooled activations dropped in training; 0.5 in the authors' PyTorch code.

    References:
        Liong, Gan, See, Khor, Huang (2019), Shallow Triple Stream Three-dimensional CNN (STSTNet)
        for Micro-expression Recognition, FG.

    Differences:
        The paper prints 1,670 parameters; the authors' PyTorch network, counted with its batch
        norm, has 1,683, as has this one. Layer order (ReLU before batch norm) follows their code.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 28,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        filters = 3 + 5 + 8
        cells = ((size + 3 - 2) // 3 + 1) // 2  # side length after both poolings
        if cells < 1:
            raise ConfigError(f"STSTNet needs an input of at least 2x2 pixels, not {size}x{size}.")
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, filters, 3, padding=2),
            nn.ReLU(),
            nn.BatchNorm2d(filters),
            nn.MaxPool2d(3, stride=3, padding=1),
            nn.Dropout(dropout),
            nn.AvgPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Linear(filters * cells * cells, num_classes)

    def forward(self, flow: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of flow ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(flow))
        return logits
