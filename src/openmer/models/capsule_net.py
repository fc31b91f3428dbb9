"""CapsuleNet, capsules on the first layers of ResNet18."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._registry import register_model
from openmer.models._timm import timm_library

_MAPS = 256  # of the third group of ResNet18
_LENGTH = 8  # of a primary capsule
_KERNEL = 9


def _squashed(vectors: Tensor) -> Tensor:
    """Return vectors in their direction, with lengths below 1."""
    squares = vectors.square().sum(-1, keepdim=True)
    return vectors * (squares + 1e-8).sqrt() / (1 + squares)


@register_model("capsule_net")
class CapsuleNet(nn.Module):
    """Images or flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    ResNet18 without its fourth group gives 256 maps. A 9x9 convolution makes capsules of 8 numbers
    of them; each class has one capsule of 16 numbers, found by three rounds of routing. The length
    of a class's capsule is its probability; the logit is its log-odds.

    Args:
        in_channels: Channels of the input; 3 in the paper, whose input is the apex frame.
        num_classes: Classes; 3 in the paper.
        size: Input height and width in pixels, at least 16; 224 in the paper.
        width: Numbers of a class's capsule; 16 in the authors' code.
        rounds: Rounds of routing; 3 in the authors' code.

    Raises:
        ConfigError: The input is smaller.

    References:
        Quang, Chun, Tokuyama (2019), CapsuleNet for Micro-Expression Recognition, FG; routing of
        Sabour, Frosst, Hinton (2017). Sizes are facts of the authors' code, me_recognition.

    Differences:
        A reconstruction: the authors start from ImageNet weights and train with the margin loss.
        Here weights are random, and the loss is that of the method on the log-odds. Where the maps
        are smaller than 9x9, as of 28 pixels, the convolution covers them all.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 28,
        width: int = 16,
        rounds: int = 3,
    ) -> None:
        super().__init__()
        if size < 16:
            raise ConfigError(f"CapsuleNet needs an input of at least 16x16, not {size}x{size}.")
        make = timm_library().create_model
        whole: Any = make("resnet18", in_chans=in_channels, num_classes=0)
        self.backbone = nn.Sequential(
            whole.conv1, whole.bn1, whole.act1, whole.maxpool,
            whole.layer1, whole.layer2, whole.layer3,
        )  # fmt: skip
        side = -(-size // 16)
        kernel = min(_KERNEL, side)
        self.primary = nn.Conv2d(_MAPS, _MAPS, kernel)
        count = _MAPS // _LENGTH * (side - kernel + 1) ** 2
        self.weight = nn.Parameter(0.01 * torch.randn(num_classes, count, width, _LENGTH))
        self.rounds = rounds

    def capsules(self, inputs: Tensor) -> Tensor:
        """Return the capsules of the classes, ``(batch, classes, width)``, shorter than 1."""
        maps = self.primary(self.backbone(inputs)).permute(0, 2, 3, 1)
        primary = _squashed(maps.reshape(len(inputs), -1, _LENGTH))
        votes = torch.einsum("kcwl,bcl->bkcw", self.weight, primary)
        agreement = torch.zeros_like(votes[..., 0])
        for _ in range(self.rounds - 1):
            found = _squashed((agreement.softmax(1)[..., None] * votes.detach()).sum(2))
            agreement = agreement + (votes.detach() * found[:, :, None]).sum(-1)
        return _squashed((agreement.softmax(1)[..., None] * votes).sum(2))

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)``: the log-odds of the lengths of the capsules."""
        lengths = (self.capsules(inputs).square().sum(-1) + 1e-12).sqrt()
        return torch.logit(lengths, eps=1e-6)
