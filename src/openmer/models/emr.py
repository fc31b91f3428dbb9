"""EMR, the winner of MEGC 2019: ResNet18 on flow with means over parts of the face."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._enlarge import enlarging
from openmer.models._registry import register_model
from openmer.models._timm import NamedBackbone


@register_model("emr")
class Emr(nn.Module):
    """Flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    ResNet18 without its classifier; its last maps are averaged over each of some bands of the face,
    from top to bottom, in place of the whole; the bands' means are concatenated, dropped out and
    classified by one linear layer.

    Args:
        in_channels: Channels of the input.
        num_classes: Classes.
        size: Input height and width in pixels.
        enlarged: Pixels that a smaller input is enlarged to, at least 32 for each part.
        parts: Bands; 2, the upper and the lower half of the face.
        backbone: The network, by its name in timm; ResNet18 in the paper.
        dropout: Share of the means dropped in training.

    Raises:
        ConfigError: There would be fewer rows of maps than bands.

    References:
        Liu, Du, Zheng, Gedeon (2019), A Neural Micro-Expression Recognizer, FG. Its abstract states
        the flow from onset to apex, means over parts, and both adaptations.

    Differences:
        A reconstruction: the training against a classifier of domains and the magnification and
        reduction of expressions, both with macro-expressions of other corpora, are left out, and
        weights are random.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 224,
        enlarged: int = 64,
        parts: int = 2,
        backbone: str = "resnet18",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        side = max(size, enlarged)
        if parts < 1 or side < 32 * parts:
            raise ConfigError(
                f"EMR needs an input enlarged to at least 32 pixels for each of {parts} part(s), "
                f"not {side}. Give a larger value of enlarged."
            )
        self.enlarge = enlarging(size, side)
        encoder = NamedBackbone(backbone, in_channels=in_channels, size=side, pixels=False)
        self.backbone = encoder.backbone
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d((parts, 1)), nn.Flatten())
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(parts * encoder.width, num_classes)
        )

    def features(self, flow: Tensor) -> Tensor:
        """Return the means of each band, one behind the other, which `head` reads."""
        forward = cast(Callable[[Tensor], Tensor], self.backbone.forward_features)
        found: Tensor = self.pool(forward(self.enlarge(flow)))
        return found

    def forward(self, flow: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of flow ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(flow))
        return logits
