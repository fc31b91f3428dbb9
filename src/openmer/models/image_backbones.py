"""Networks that papers compare with on still images, each whole, as timm has it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, cast

from torch import Tensor

from openmer.models._registry import register_model
from openmer.models._timm import ImageClassifier


@register_model("mobilenet_v2")
class MobileNetV2(ImageClassifier):
    """Sandler et al. (2018), CVPR; 1280 features. Arguments as of `MobileViTS`."""

    timm_backbone: ClassVar[str] = "mobilenetv2_100"
    title: ClassVar[str] = "MobileNetV2"


@register_model("mobilenet_v3")
class MobileNetV3(ImageClassifier):
    """Howard et al. (2019), ICCV, the large one; 1280 features. Arguments as of `MobileViTS`."""

    timm_backbone: ClassVar[str] = "mobilenetv3_large_100"
    title: ClassVar[str] = "MobileNetV3"


@register_model("resnet18")
class ResNet18(ImageClassifier):
    """He et al. (2016), CVPR; 512 features. Arguments as of `MobileViTS`."""

    timm_backbone: ClassVar[str] = "resnet18"
    title: ClassVar[str] = "ResNet18"


@register_model("densenet121")
class DenseNet121(ImageClassifier):
    """Huang et al. (2017), CVPR; 1024 features. Arguments as of `MobileViTS`."""

    timm_backbone: ClassVar[str] = "densenet121"
    title: ClassVar[str] = "DenseNet121"


@register_model("deit_base")
class DeiTBase(ImageClassifier):
    """Touvron et al. (2021), ICML: patches of 16x16, 768 features, 86 million numbers.

    The paper gives DeiT 86 million numbers, which is this size. Arguments as of `MobileViTS`, and
    `depth`, the number of transformer blocks; but the weights, by their embedding of places, hold
    for one size of image. Stored ones of another size are resampled.
    """

    timm_backbone: ClassVar[str] = "deit_base_patch16_224"
    title: ClassVar[str] = "DeiT-B"

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 256,
        dropout: float = 0.5,
        depth: int = 12,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            num_classes=num_classes,
            size=size,
            dropout=dropout,
            options={"img_size": size, "depth": depth},
        )

    def feature_maps(self, pixels: Tensor) -> Tensor:
        """Return the last block's output at each patch: ``(batch, 768, rows, columns)``."""
        forward = cast(Callable[[Tensor], Tensor], self.backbone.forward_features)
        patches = forward(self.normalize(pixels))[:, 1:]  # the first is the class token
        side = math.isqrt(patches.shape[1])
        return patches.transpose(1, 2).reshape(len(patches), -1, side, side)
