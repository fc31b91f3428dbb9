"""DSSN and SSSN, the first two convolutions of AlexNet on flow magnitude and optical strain."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._registry import register_model
from openmer.models.alexnet import AlexNetStart, pooled_side


def _magnitude(flow: Tensor) -> Tensor:
    """Return the length of u and v, ``(batch, 1, height, width)``."""
    return (flow[:, :2].square().sum(1, keepdim=True) + 1e-12).sqrt()


@register_model("dssn")
class Dssn(nn.Module):
    """Flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    One stream reads the magnitude of the flow, the other its optical strain; both are the first two
    convolutions of AlexNet, of 96 and 256 filters, with their poolings and local response norms.
    Their maps are multiplied, dropped out and classified by one linear layer.

    Args:
        in_channels: At least 2: u and v in one scale, then strain; without strain both streams read
            the magnitude.
        num_classes: Classes.
        size: Input height and width in pixels; 227 in the paper.
        kernel: Of the first convolution; 11 in AlexNet.
        stride: Of the first convolution; 4 in AlexNet. With 1 it is padded and takes small inputs.
        width: Times the filters of AlexNet.
        dropout: Share of pooled maps dropped in training; 0.5 in the authors' code.

    Raises:
        ConfigError: u and v are not both there, or the input is too small for two poolings.

    References:
        Khor, See, Liong, Phan, Lin (2019), Dual-stream Shallow Networks for Facial Micro-expression
        Recognition, ICIP. Layers are facts of the authors' code, IcedDoggie/DSSN-MER.

    Differences:
        A reconstruction: the authors start from AlexNet's ImageNet weights on 227 pixels and repeat
        each map in three channels; here weights are random, inputs have one channel, and the first
        convolution is by default 5x5 with stride 1, for 28 pixels.
    """

    streams = 2

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 28,
        kernel: int = 5,
        stride: int = 1,
        width: float = 1.0,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        side = pooled_side(size, kernel, stride)
        if in_channels < 2 or side < 1:
            raise ConfigError(
                f"{type(self).__name__.upper()} reads u and v of at least 7x7 pixels after its "
                f"first convolution, found {in_channels} channel(s) of {size}x{size}. Give flow, "
                "or a smaller stride."
            )
        self.parts = nn.ModuleList(
            AlexNetStart(1, kernel, stride, width) for _ in range(self.streams)
        )
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(2 * round(128 * width) * side**2, num_classes)
        )

    def features(self, flow: Tensor) -> Tensor:
        """Return what `head` reads: the product of both streams, flattened."""
        inputs = _magnitude(flow), flow[:, 2:3] if flow.shape[1] > 2 else _magnitude(flow)
        maps = [part(shown) for part, shown in zip(self.parts, inputs, strict=False)]
        return torch.flatten(torch.stack(maps).prod(0), 1)

    def forward(self, flow: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of flow ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(flow))
        return logits


@register_model("sssn")
class Sssn(Dssn):
    """DSSN with one stream alone, on the magnitude of the flow. Arguments as of `Dssn`.

    References:
        As of `Dssn`, whose paper has this network as its baseline.

    Differences:
        As of `Dssn`. Which of its inputs the published scores are of is not known to us.
    """

    streams = 1
