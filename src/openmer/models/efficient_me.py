"""Efficient-ME: EfficientNet-B0, cut after some of its blocks, on a static apex frame."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from openmer.errors import ConfigError, unknown_name
from openmer.models._registry import register_model
from openmer.models._timm import PixelNormalize, check_image, timm_library

_ORIGINS: dict[str, tuple[str, dict[str, Any]]] = {
    "timm": ("efficientnet_b0", {}),
    "tensorflow": ("tf_efficientnet_b0.aa_in1k", {"bn_momentum": 0.01, "drop_path_rate": 0.2}),
}
"""Name in timm whose ImageNet weights fit, and what is set beside it."""

_CHANNELS = (16, 24, 40, 80, 112, 192, 1280)  # after each stage; with 7, after the convolution


@register_model("efficient_me")
class EfficientMe(nn.Module):
    """Apex frames ``(batch, in_channels, size, size)``, 0..255, to logits ``(batch, num_classes)``.

    The stem and the first `depth` MBConv stages of EfficientNet-B0, global average pooling, dropout
    and one linear layer. With batch-norm statistics 868,307 numbers at depth 5 (the paper prints
    867k), 68,765 at depth 3 (68k, its ``tr3``). Rescaling and normalising are its first layer.

    Args:
        in_channels: 3, or 1 for gray.
        num_classes: Classes; 3 in the paper.
        size: Input height and width in pixels, at least 32; 224 in the paper, 48 for FER2013. The
            weights do not depend on it.
        depth: MBConv stages kept, 1..7; with 7 the head convolution follows, as in the whole
            EfficientNet-B0. 5 in the paper; 3 in its variant ``tr3``.
        dropout: Share of pooled features dropped in training.
        stem_stride: Stride of the first convolution; 2 in EfficientNet, 1 for very small images.
        origin: "timm", or "tensorflow" for the layers as Keras, which the authors used, has them:
            maps padded more at the end than at the start, batch norm with an eps of 1e-3 and
            running statistics that move by 0.01, and, in training, whole residual branches left
            out, up to one in five in the last block. The numbers have the same names and shapes.

    Raises:
        ConfigError: An argument is out of its range.

    References:
        Efficient-ME, section 3 (the card of the method lists what it states); Tan and Le (2019),
        EfficientNet, ICML. The layers are timm's.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 224,
        depth: int = 5,
        dropout: float = 0.5,
        stem_stride: int = 2,
        origin: str = "timm",
    ) -> None:
        super().__init__()
        check_image("Efficient-ME", in_channels=in_channels, size=size)
        _check(depth=depth, stem_stride=stem_stride, origin=origin)
        self.timm_backbone, options = _ORIGINS[origin]
        whole: Any = timm_library().create_model(self.timm_backbone, num_classes=0, **options)
        self.normalize = PixelNormalize()
        whole.conv_stem.stride = (stem_stride, stem_stride)
        self.stem = nn.Sequential(whole.conv_stem, whole.bn1)
        self.blocks: nn.Sequential = whole.blocks[:depth]
        complete = depth == len(_CHANNELS)
        self.top = nn.Sequential(whole.conv_head, whole.bn2) if complete else nn.Identity()
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(_CHANNELS[depth - 1], num_classes))

    def feature_maps(self, pixels: Tensor) -> Tensor:
        """Return maps of the last stage, ``(batch, channels, height, width)``; 112 at depth 5."""
        maps: Tensor = self.top(self.blocks(self.stem(self.normalize(pixels))))
        return maps

    def features(self, pixels: Tensor) -> Tensor:
        """Pooled maps, ``(batch, channels)``: what `head` reads."""
        return self.feature_maps(pixels).mean((2, 3))

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of pixels ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(pixels))
        return logits


def _check(*, depth: int, stem_stride: int, origin: str) -> None:
    if origin not in _ORIGINS:
        raise unknown_name("origin of EfficientNet-B0 called", origin, _ORIGINS)
    if not 1 <= depth <= len(_CHANNELS) or stem_stride not in (1, 2):
        raise ConfigError(
            f"Efficient-ME takes a depth of 1..{len(_CHANNELS)} and a stem_stride of 1 or 2, found "
            f"{depth} and {stem_stride}."
        )
