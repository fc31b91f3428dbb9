"""DeepViT-L: a deep transformer over patches whose heads exchange their attention."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._registry import register_model
from openmer.models._timm import PixelNormalize, check_image

_WIDTH = 420  # of a token
_HEADS = 12
_WIDENING = 3  # of the hidden layer after each attention
_PATCH = 16
_STEM = 64  # maps of the convolutions before the patches
_SPREAD = 0.02  # of random weights


@register_model("deepvit_l")
class DeepViTL(nn.Module):
    """Images ``(batch, in_channels, size, size)``, 0..255, to logits ``(batch, num_classes)``.

    Two convolutions that halve the image, a third that makes a token of each 16x16 pixels, a class
    token, 32 transformer blocks of width 420 with 12 heads; the class token is normalised, dropped
    out and classified by one linear layer. In the last twelve blocks the heads exchange their
    attention (see `ReAttention`). 58,462,564 numbers before the head at 224x224.

    Args:
        in_channels: 3, or 1 for gray.
        num_classes: Classes.
        size: Input height and width in pixels, at least 32; 224 in the paper. The embedding of
            places holds for one size; stored ones of another size are resampled.
        dropout: Share of features dropped in training.
        depth: Transformer blocks.
        mixed: How many of them, the last ones, have re-attention.

    Raises:
        ConfigError: An argument is out of its range.

    References:
        Zhou et al. (2021), DeepViT: Towards Deeper Vision Transformer, arXiv 2103.11886, equation
        3. Width, heads, the convolutions and where re-attention begins are facts of its code.

    Differences:
        The paper prints 55 million numbers; these sizes, which give the 27 million that it prints
        for the small model where its width of 396 and 16 blocks are put in, make 58.5 of them.
        Its code halves what each block reads and doubles what it adds, which changes how it learns
        and neither its size nor its time. That is left out.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 256,
        dropout: float = 0.5,
        depth: int = 32,
        mixed: int = 12,
    ) -> None:
        super().__init__()
        check_image("DeepViT-L", in_channels=in_channels, size=size)
        if not 0 <= mixed <= depth or depth < 1:
            raise ConfigError(
                f"DeepViT-L takes a depth of at least 1 and 0..depth mixed blocks, found {depth} "
                f"and {mixed}."
            )
        self.normalize = PixelNormalize((0.5,) * 3, (0.5,) * 3)
        self.stem = nn.Sequential(
            nn.Conv2d(3, _STEM, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(_STEM),
            nn.ReLU(),
            nn.Conv2d(_STEM, _STEM, 3, padding=1, bias=False),
            nn.BatchNorm2d(_STEM),
            nn.ReLU(),
            nn.Conv2d(_STEM, _WIDTH, _PATCH // 2, stride=_PATCH // 2),
        )
        self.class_token = nn.Parameter(torch.zeros(1, 1, _WIDTH))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (size // _PATCH) ** 2, _WIDTH))
        self.blocks = nn.Sequential(*(_Block(mixed > depth - 1 - i) for i in range(depth)))
        self.norm = nn.LayerNorm(_WIDTH, eps=1e-6)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(_WIDTH, num_classes))
        for tokens in (self.class_token, self.pos_embed):
            nn.init.trunc_normal_(tokens, std=_SPREAD)
        self.apply(_start)

    def features(self, pixels: Tensor) -> Tensor:
        """Return the normalised class token, ``(batch, 420)``: what `head` reads."""
        patches = self.stem(self.normalize(pixels)).flatten(2).transpose(1, 2)
        first = self.class_token.expand(patches.shape[0], -1, -1)
        tokens = self.blocks(torch.cat([first, patches], dim=1) + self.pos_embed)
        found: Tensor = self.norm(tokens[:, 0])
        return found

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of pixels ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(pixels))
        return logits


class ReAttention(nn.Module):
    """Softmax attention whose heads are mixed by a learned matrix, then normalised.

    ``Norm(Theta^T softmax(Q K^T / sqrt(d))) V``, equation 3: Theta takes every head's attention
    into every other one's, so that deep blocks do not come to attend alike; the norm is a batch
    norm of heads.

    Args:
        mixes: Whether it does; without it is plain attention.
    """

    def __init__(self, *, mixes: bool) -> None:
        super().__init__()
        self.inputs = nn.Linear(_WIDTH, 3 * _WIDTH)
        self.mix = (
            nn.Sequential(nn.Conv2d(_HEADS, _HEADS, 1, bias=False), nn.BatchNorm2d(_HEADS))
            if mixes
            else None
        )
        self.project = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(batch, tokens, 420)`` to the same shape."""
        batch, count = tokens.shape[:2]
        split = self.inputs(tokens).reshape(batch, count, 3, _HEADS, _WIDTH // _HEADS)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        if self.mix is None:
            seen = F.scaled_dot_product_attention(query, key, value)
        else:
            scores = query @ key.transpose(2, 3) * (_WIDTH // _HEADS) ** -0.5
            seen = self.mix(scores.softmax(dim=-1)) @ value
        projected: Tensor = self.project(seen.transpose(1, 2).reshape(batch, count, _WIDTH))
        return projected


class _Block(nn.Module):
    """Attention and a feed-forward network, each normalised before and added to what it reads."""

    def __init__(self, mixes: bool) -> None:
        super().__init__()
        self.before = nn.LayerNorm(_WIDTH, eps=1e-6)
        self.attention = ReAttention(mixes=mixes)
        self.between = nn.LayerNorm(_WIDTH, eps=1e-6)
        self.feed = nn.Sequential(
            nn.Linear(_WIDTH, _WIDENING * _WIDTH), nn.GELU(), nn.Linear(_WIDENING * _WIDTH, _WIDTH)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.before(tokens))
        fed: Tensor = self.feed(self.between(tokens))
        return tokens + fed


def _start(part: nn.Module) -> None:
    """Random weights of linear layers as the paper's models have them."""
    if isinstance(part, nn.Linear):
        nn.init.trunc_normal_(part.weight, std=_SPREAD)
        nn.init.zeros_(part.bias)
