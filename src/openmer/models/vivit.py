"""ViViT, a transformer over tubes of a clip."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._clips import as_frames, frame_count
from openmer.models._registry import register_model

_HEAD = 64  # numbers of each head
_SPREAD = 0.02  # of random tokens


@register_model("vivit")
class ViViT(nn.Module):
    """Clips ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    Model 1 of the paper: each tube of `tubelet` frames and `patch` x `patch` pixels is a token; a
    class token; transformer blocks in which every token attends to all others of the clip, over
    place and time; the normalised class token is classified by one linear layer.

    Args:
        in_channels: `planes` for each frame, one frame after the other.
        num_classes: Classes.
        size: Input height and width in pixels, a multiple of `patch`; 224 in the paper.
        planes: 1 for gray frames, 2 for u and v; 3 in the paper, whose clips are in colour.
        tubelet: Frames of a token; 2 in the paper, of 32 frames.
        patch: Height and width of a token in pixels; 16 in the paper.
        width: Length of a token, 64 for each head; 768 in the paper's base size.
        depth: Blocks; 12 in the paper's base size.

    Raises:
        ConfigError: The clip cannot be cut into such tubes, or the width into such heads.

    References:
        Arnab, Dehghani, Heigold, Sun, Lucic, Schmid (2021), ViViT: A Video Vision Transformer,
        ICCV.

    Differences:
        The paper begins with the weights of an image transformer; here they are random.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 224,
        planes: int = 1,
        tubelet: int = 1,
        patch: int = 16,
        width: int = 768,
        depth: int = 12,
    ) -> None:
        super().__init__()
        frames = frame_count("ViViT", in_channels, planes)
        if frames % tubelet or size % patch or width % _HEAD:
            raise ConfigError(
                f"ViViT cuts {frames} frames of {size}x{size} into tubes of {tubelet} frames of "
                f"{patch}x{patch}, and {width} numbers into heads of {_HEAD}: without remainder. "
                "Give other values of tubelet, patch or width."
            )
        self.planes = planes
        tube = (tubelet, patch, patch)
        self.tubes = nn.Conv3d(planes, width, tube, stride=tube)
        count = frames // tubelet * (size // patch) ** 2
        self.class_token = nn.Parameter(_SPREAD * torch.randn(1, 1, width))
        self.pos_embed = nn.Parameter(_SPREAD * torch.randn(1, 1 + count, width))
        blocks = [
            nn.TransformerEncoderLayer(
                width, width // _HEAD, 4 * width, 0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(depth)
        ]
        self.blocks = nn.Sequential(*blocks, nn.LayerNorm(width))
        self.head = nn.Linear(width, num_classes)

    def features(self, clips: Tensor) -> Tensor:
        """Return the normalised class token, ``(batch, width)``, which `head` reads."""
        tokens = self.tubes(as_frames(clips, self.planes).transpose(1, 2)).flatten(2)
        first = self.class_token.expand(len(clips), -1, -1)
        found: Tensor = self.blocks(torch.cat([first, tokens.mT], 1) + self.pos_embed)[:, 0]
        return found

    def forward(self, clips: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of clips ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(clips))
        return logits
