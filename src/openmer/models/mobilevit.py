"""MobileViT-S: inverted residuals of MobileNetV2 and transformers over patches of their maps."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmer.models._registry import register_model
from openmer.models._timm import ImageClassifier

if TYPE_CHECKING:
    from timm.models.mobilevit import MobileVitBlock
    from timm.models.vision_transformer import Block


@register_model("mobilevit_s")
class MobileViTS(ImageClassifier):
    """Gray apex frames ``(batch, in_channels, size, size)``, 0..255, to ``(batch, num_classes)``.

    A convolution, seven MobileNetV2 blocks and, after the fifth, sixth and seventh, a MobileViT
    block each: convolution of 3x3 (the paper's ``n``), patches of 2x2 pixels, a transformer over
    the pixels that have one place in their patches, feed-forward of twice its width, Swish. A 1x1
    convolution to 640 maps, of 8x8 at 256, global average pooling, dropout and one linear layer.
    4,937,632 numbers before the head.

    Args:
        in_channels: 1 for gray, as in the paper, or 3.
        num_classes: Classes; 3 in the paper.
        size: Input height and width in pixels, at least 32; 256 in the paper. The weights do not
            depend on it.
        dropout: Share of pooled features dropped in training; 0.5 in the paper.

    Raises:
        ConfigError: An argument is out of its range.

    References:
        MobileViT with SVM, Figures 3 to 5 and Table 1; Mehta and Rastegari (2022), MobileViT, ICLR.
        The layers are timm's.
    """

    timm_backbone: ClassVar[str] = "mobilevit_s"
    title: ClassVar[str] = "MobileViT-S"

    def chain(self) -> list[tuple[str, nn.Module]]:
        """List the parts that maps pass one after another, from pixels to `features`, by name.

        Each stage's MobileNetV2 blocks stand before its MobileViT block, which is its last part.
        """
        whole: Any = self.backbone
        stages = [
            (f"backbone.stages.{number}.{place}", part)
            for number, stage in enumerate(whole.stages.children())
            for place, part in enumerate(stage.children())
        ]
        ends = [("backbone.final_conv", whole.final_conv), ("backbone.head", whole.head)]
        return [("normalize", self.normalize), ("backbone.stem", whole.stem), *stages, *ends]

    def for_inference(self) -> MobileViTS:
        """Return a network with the same outputs that runs faster where it is exported.

        Its transformers read maps row by row. Attention alone has to know which pixels have one
        place in their patches: no map is unfolded and folded again, and every linear layer is one
        product of two matrices. It is not for training.
        """
        from timm.models.mobilevit import MobileVitBlock

        twin = copy.deepcopy(self).eval()
        for parent in list(twin.modules()):
            for name, child in parent.named_children():
                if isinstance(child, MobileVitBlock):
                    setattr(parent, name, _RowByRow(child))
        return twin.eval()


class _RowByRow(nn.Module):
    """What timm's MobileViT block computes, without unfolding maps into patches.

    Args:
        block: The block; its layers are shared, those of attention copied.
    """

    def __init__(self, block: MobileVitBlock) -> None:
        super().__init__()
        parts: Any = block
        self.patch: tuple[int, int] = tuple(parts.patch_size)
        self.local = nn.Sequential(parts.conv_kxk, parts.conv_1x1)
        self.layers = nn.ModuleList(_Layer(layer, self.patch) for layer in parts.transformer)
        self.norm, self.project, self.fuse = parts.norm, parts.conv_proj, parts.conv_fusion

    def forward(self, maps: Tensor) -> Tensor:
        seen = self.local(maps)
        rows, columns = (
            math.ceil(side / pixels) * pixels
            for side, pixels in zip(seen.shape[2:], self.patch, strict=True)
        )
        whole = (rows, columns) == tuple(seen.shape[2:])  # else maps are stretched to whole patches
        if not whole:
            seen = _stretched(seen, rows, columns)
        channels = seen.shape[1]
        tokens = seen.permute(0, 2, 3, 1).reshape(-1, channels)
        for layer in self.layers:
            tokens = layer(tokens, rows, columns)
        seen = self.norm(tokens).reshape(-1, rows, columns, channels).permute(0, 3, 1, 2)
        if not whole:
            seen = _stretched(seen, maps.shape[2], maps.shape[3])
        fused: Tensor = self.fuse(torch.cat([maps, self.project(seen)], dim=1))
        return fused


class _Layer(nn.Module):
    """A layer of timm's transformer for tokens ``(batch * rows * columns, channels)``."""

    def __init__(self, layer: Block, patch: tuple[int, int]) -> None:
        super().__init__()
        self.before, self.between, self.feed = layer.norm1, layer.norm2, layer.mlp
        attention: Any = layer.attn
        self.patch = patch
        self.heads: int = attention.num_heads
        width: int = attention.proj.in_features
        weights = attention.qkv.weight.detach().view(3, width, width)
        biases = attention.qkv.bias.detach().view(3, width)
        scales = (attention.scale, 1.0, 1.0)  # the products' scale goes into the queries
        self.query, self.key, self.value = (
            _linear(*numbers) for numbers in zip(weights, biases, scales, strict=True)
        )
        self.project: nn.Module = attention.proj

    def forward(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        tokens = tokens + self._attention(self.before(tokens), rows, columns)
        fed: Tensor = self.feed(self.between(tokens))
        return tokens + fed

    def _attention(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        """Pixels attend to those that have the same place in their patches."""
        high, wide = self.patch
        grid = (-1, rows // high, high, columns // wide, wide, self.heads)
        patches = rows // high * (columns // wide)

        def by_place(values: Tensor) -> Tensor:
            """``(batch * places, heads, patches, width of a head)``."""
            split = values.reshape(*grid, values.shape[1] // self.heads)
            moved = split.permute(0, 2, 4, 5, 1, 3, 6)
            return moved.reshape(-1, self.heads, patches, split.shape[-1])

        query, key, value = (by_place(made(tokens)) for made in (self.query, self.key, self.value))
        mixed = torch.softmax(query @ key.transpose(2, 3), dim=-1) @ value
        places = (-1, high, wide, self.heads, rows // high, columns // wide, mixed.shape[-1])
        back = mixed.reshape(places).permute(0, 4, 1, 5, 2, 3, 6)
        projected: Tensor = self.project(back.reshape(-1, tokens.shape[1]))
        return projected


def _linear(weight: Tensor, bias: Tensor, scale: float) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0])
    made.weight = nn.Parameter(weight * scale)
    made.bias = nn.Parameter(bias * scale)
    return made


def _stretched(maps: Tensor, rows: int, columns: int) -> Tensor:
    return F.interpolate(maps, size=(rows, columns), mode="bilinear", align_corners=False)
