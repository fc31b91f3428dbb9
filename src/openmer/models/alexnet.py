"""AlexNet, whole, and its first two convolutions for the networks that are made of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._enlarge import enlarging
from openmer.models._registry import register_model


class AlexNetStart(nn.Sequential):
    """An input to AlexNet's second pooled maps; a first convolution of stride 1 is padded."""

    def __init__(self, channels: int, kernel: int, stride: int, width: float) -> None:
        first, second = 2 * round(48 * width), 2 * round(128 * width)
        padding = 0 if stride > 1 else kernel // 2
        super().__init__(
            nn.Conv2d(channels, first, kernel, stride=stride, padding=padding),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.LocalResponseNorm(5),
            nn.Conv2d(first, second, 5, padding=2, groups=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.LocalResponseNorm(5),
        )


def pooled_side(size: int, kernel: int, stride: int) -> int:
    """Return the side of the maps that `AlexNetStart` makes of an input."""
    first = size if stride == 1 else (size - kernel) // stride + 1
    return ((first - 3) // 2 - 2) // 2 + 1


@register_model("alexnet")
class AlexNet(nn.Module):
    """Images or flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    Five convolutions, of 96, 256, 384, 384 and 256 filters, three max poolings, two hidden layers
    with dropout, one linear layer.

    Args:
        in_channels: Channels of the input.
        num_classes: Classes.
        size: Input height and width in pixels.
        enlarged: Pixels that a smaller input is enlarged to, at least 67; 227 in the paper.
        width: Times the filters of the paper.
        hidden: Units of each hidden layer; 4096 in the paper.
        dropout: Share dropped before each hidden layer in training; 0.5 in the paper.

    Raises:
        ConfigError: The input would be too small for three poolings.

    References:
        Krizhevsky, Sutskever, Hinton (2012), ImageNet Classification with Deep Convolutional Neural
        Networks, NIPS.

    Differences:
        None known in the network; inputs have the scale of the recipe.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 227,
        enlarged: int = 227,
        width: float = 1.0,
        hidden: int = 4096,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        side = max(size, enlarged)
        if side < 67:
            raise ConfigError(f"AlexNet needs inputs enlarged to 67 pixels at least, not {side}.")
        self.enlarge = enlarging(size, side)
        a, b, c = (2 * round(half * width) for half in (128, 192, 128))
        self.maps = nn.Sequential(
            AlexNetStart(in_channels, 11, 4, width),
            nn.Conv2d(a, b, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(b, b, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.Conv2d(b, c, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        cells = (pooled_side(side, 11, 4) - 3) // 2 + 1
        self.hidden = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(c * cells**2, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.head = nn.Linear(hidden, num_classes)

    def features(self, inputs: Tensor) -> Tensor:
        """Return the second hidden layer, which `head` reads."""
        found: Tensor = self.hidden(torch.flatten(self.maps(self.enlarge(inputs)), 1))
        return found

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of inputs ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(inputs))
        return logits
