"""RRMFNet: a resizer, a light backbone, a RepGFPN neck and attention, on flow and apex frame."""

from __future__ import annotations

import copy
from typing import Any, TypedDict, Unpack

import torch
from torch import Tensor, nn

from openmer.errors import ConfigError, unknown_name
from openmer.models._registry import register_model
from openmer.models._rrmfnet_attention import AAB, KERNELS, REDUCTIONS
from openmer.models._rrmfnet_blocks import Backbone, fold_norms, scaled
from openmer.models._rrmfnet_neck import NECKS, Neck
from openmer.models._rrmfnet_resizer import RESIZERS, make_resizer

_FLOW_CHANNELS = 3  # u, v and optical strain; what follows them is the apex frame
_HIDDEN = (512, 128)  # of the perceptron, at width 1
_SMALLEST = 17  # pixels: halved four times, two are left, so that a batch of one has a spread


class RRMFNetOptions(TypedDict, total=False):
    """What the paper's ablations change in `RRMFNet`, all with a default.

    Attributes:
        inputs: "flow-first": the first three channels are flow and its strain, those after them an
            apex frame. "apex": all channels are an apex frame.
        resizer: "inception", "learned", "bilinear", or "none", which leaves inputs at their size.
        resizer_repeats: Residual blocks in "inception" and "learned", 1..3; 2 in the paper.
        resized: Height and width in pixels that a resizer makes, at least 17; 112.
        neck: "eurepgfpn", or "repgfpn".
        neck_repeats: BasicBlocks in each FusionBlock, 1..5; 3 in the paper.
        cbam: Kernel of the spatial attention, 3, 5 or 7; 0 leaves CBAM out. 7 in the paper.
        reduction: How AAB makes maps fewer: "none", "light", "medium" (the paper's method 2) or
            "strong".
        dropout: Share of hidden values of the perceptron that are dropped in training; 0.5.
    """

    inputs: str
    resizer: str
    resizer_repeats: int
    resized: int
    neck: str
    neck_repeats: int
    cbam: int
    reduction: str
    dropout: float


_DEFAULTS: RRMFNetOptions = {
    "inputs": "flow-first",
    "resizer": "inception",
    "resizer_repeats": 2,
    "resized": 112,
    "neck": "eurepgfpn",
    "neck_repeats": 3,
    "cbam": 7,
    "reduction": "medium",
    "dropout": 0.5,
}

_CHOICES: dict[str, tuple[str | int, ...]] = {
    "inputs": ("flow-first", "apex"),
    "resizer": RESIZERS,
    "resizer_repeats": (1, 2, 3),
    "neck": NECKS,
    "neck_repeats": (1, 2, 3, 4, 5),
    "cbam": KERNELS,
    "reduction": REDUCTIONS,
}


@register_model("rrmfnet")
class RRMFNet(nn.Module):
    """Flow and apex frame ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    A learned resizer brings the input to 112x112; a light backbone makes maps of three scales
    (28x28, 14x14, 7x7); EuRepGFPN fuses them; at each scale AAB weighs them by CBAM and pools them;
    a perceptron reads the pooled values of all three. Flow comes as the recipe makes it, in any
    unit; channels of an apex frame come in 0..255 and are brought to -1..1 first. At the defaults
    43.68 million trained numbers (the paper prints 43.7) and 5.83 billion multiply-accumulates (5.9
    "GFLOPs").

    Args:
        in_channels: 6 for u, v, strain and a colour frame, 4 with a gray one; up to 3 for flow
            alone; 3 or 1 for an apex frame alone, with ``inputs="apex"``.
        num_classes: Classes.
        size: Input height and width in pixels. The weights do not depend on it; without a resizer
            at least 17.
        width: Multiplies the numbers of maps of backbone and neck and the hidden values of the
            perceptron. 1 is the paper's size; 0.25, the tiny one for a CPU, has hidden layers of
            128 and 32 values and 2.8 million numbers. Most of its work is then the resizer's, which
            is as wide as ever: `resized` of 56 takes a quarter of it.
        **options: `inputs` ("flow-first" or "apex"), `resizer` ("inception", "learned", "bilinear"
            or "none"), `resizer_repeats` (1..3), `resized` (pixels, 112), `neck` ("eurepgfpn" or
            "repgfpn"), `neck_repeats` (1..5), `cbam` (0, 3, 5 or 7), `reduction` ("none", "light",
            "medium" or "strong") and `dropout`. `openmer.models.rrmfnet.RRMFNetOptions` says what
            they mean and which are the paper's.

    Raises:
        ConfigError: An argument is out of its range, or there is no such option.

    References:
        Zhao, Wen and Li (2026), Resizer-Integrated RepGFPN-Based Multi-Scale Feature Fusion Network
        with Perturbation Training for Micro-Expression Recognition, Cognitive Computation, DOI
        10.1007/s12559-026-10555-0, tables 5 to 12 and 17. The parts: Talebi and Milanfar (2021)
        for the resizer, Szegedy et al. (2016) for its blocks, Xu et al. (2022), DAMO-YOLO, for
        RepGFPN, Rahman et al. (2024), EMCAD, for its up-sampling, Woo et al. (2018) for CBAM.

    Differences:
        This is a reconstruction. Stated are the order of the parts, what each is called, that the
        resizer has two blocks of Inception-v2, a FusionBlock three BasicBlocks and CBAM a kernel of
        7x7, that AAB reduces by convolution and adaptive pooling, and the two totals. How a part
        works inside is taken from the paper it comes from. Assumed, to meet the totals, are the 112
        pixels, the backbone, all numbers of maps, the three strengths of reduction, the perceptron,
        and that both inputs are read as channels of one; also that the better up-sampling of
        EuRepGFPN is EMCAD's. The two totals allow other choices.
    """

    def __init__(
        self,
        *,
        in_channels: int = 6,
        num_classes: int = 3,
        size: int = 224,
        width: float = 1.0,
        **options: Unpack[RRMFNetOptions],
    ) -> None:
        super().__init__()
        chosen = _chosen(options)
        _check(in_channels=in_channels, size=size, width=width, chosen=chosen)
        only_frame = chosen["inputs"] == "apex"
        self._flow_channels = 0 if only_frame else min(in_channels, _FLOW_CHANNELS)
        self.resizer = make_resizer(
            chosen["resizer"], in_channels, chosen["resized"], chosen["resizer_repeats"]
        )
        self.backbone = Backbone(in_channels, width)
        self.neck = Neck(
            self.backbone.made,
            repeats=chosen["neck_repeats"],
            efficient_up=chosen["neck"] == "eurepgfpn",
        )
        self.attention = nn.ModuleList(
            AAB(
                maps,
                cbam=chosen["cbam"],
                reduction=chosen["reduction"],
                coarsest=number == len(self.neck.made) - 1,
            )
            for number, maps in enumerate(self.neck.made)
        )
        read = sum(block.features for block in self._blocks())
        self.head = _perceptron(read, num_classes, width, chosen["dropout"])

    def feature_maps(self, pixels: Tensor) -> Tensor:
        """Return maps of the coarsest scale after attention, ``(batch, channels, rows, columns)``.

        1024 maps of 7x7 at the defaults; those of the two finer scales are pooled beside them.
        """
        return self._weighed(pixels)[-1]

    def features(self, pixels: Tensor) -> Tensor:
        """Pooled maps of the three scales, the finest first, ``(batch, features)``: `head`'s input.

        256 + 512 + 1024 of them at the defaults.
        """
        pairs = zip(self._blocks(), self._weighed(pixels), strict=True)
        return torch.cat([block.pool(weighed) for block, weighed in pairs], dim=1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of inputs ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(pixels))
        return logits

    def for_inference(self) -> RRMFNet:
        """Return a network with the same outputs, within rounding, that has less to do.

        The 3x3 and the 1x1 convolution of each re-parameterised pair become one 3x3 convolution,
        and batch norms go into the convolutions before them. It is not for training, and its state
        has other names.
        """
        twin = copy.deepcopy(self).eval()
        fold_norms(twin)
        return twin

    def _weighed(self, pixels: Tensor) -> list[Tensor]:
        """Return maps of the three scales after attention, the finest first."""
        fused = self.neck(*self.backbone(self.resizer(self._scaled(pixels))))
        return [block(maps) for block, maps in zip(self._blocks(), fused, strict=True)]

    def _scaled(self, pixels: Tensor) -> Tensor:
        """Flow as it is, and the apex frame in -1..1."""
        if self._flow_channels == pixels.shape[1]:
            return pixels
        flow, frame = pixels[:, : self._flow_channels], pixels[:, self._flow_channels :]
        return torch.cat([flow, frame / 127.5 - 1], dim=1)

    def _blocks(self) -> list[AAB]:
        return [block for block in self.attention if isinstance(block, AAB)]


def _perceptron(read: int, num_classes: int, width: float, dropout: float) -> nn.Sequential:
    first, second = (scaled(hidden, width) for hidden in _HIDDEN)
    return nn.Sequential(
        nn.Linear(read, first),
        nn.SiLU(),
        nn.Dropout(dropout),
        nn.Linear(first, second),
        nn.SiLU(),
        nn.Dropout(dropout),
        nn.Linear(second, num_classes),
    )


def _chosen(options: RRMFNetOptions) -> RRMFNetOptions:
    """All options, those that were not given at their defaults."""
    for name in options:
        if name not in _DEFAULTS:
            raise unknown_name("option of RRMFNet", name, _DEFAULTS)
    chosen: RRMFNetOptions = {**_DEFAULTS, **options}
    return chosen


def _check(*, in_channels: int, size: int, width: float, chosen: RRMFNetOptions) -> None:
    given: dict[str, Any] = dict(chosen)
    for name, allowed in _CHOICES.items():
        if given[name] not in allowed:
            listed = ", ".join(str(each) for each in allowed)
            raise ConfigError(f"RRMFNet takes {name} of {listed}, found {given[name]!r}.")
    _check_channels(in_channels, chosen["inputs"])
    side = size if chosen["resizer"] == "none" else chosen["resized"]
    if size < 1 or side < _SMALLEST:
        raise ConfigError(
            f"The backbone of RRMFNet needs at least {_SMALLEST}x{_SMALLEST} pixels, found "
            f"{side}x{side} for inputs of {size}x{size}. Give it larger inputs, or a resizer with "
            "a larger 'resized'."
        )
    if not width > 0 or not 0 <= chosen["dropout"] < 1:
        raise ConfigError(
            "RRMFNet takes a width above 0 and a dropout of 0 or more and below 1, found "
            f"{width} and {chosen['dropout']}."
        )


def _check_channels(in_channels: int, inputs: str) -> None:
    if inputs == "apex":
        if in_channels not in (1, 3):
            raise ConfigError(
                f"An apex frame has 1 or 3 channels, found {in_channels}. Give RRMFNet a recipe "
                "with the step 'apex_frame', or set inputs to 'flow-first'."
            )
    elif in_channels < 1 or in_channels - _FLOW_CHANNELS not in (-2, -1, 0, 1, 3):
        raise ConfigError(
            "RRMFNet reads up to 3 channels of flow and strain, or these 3 and an apex frame of 1 "
            f"or 3 channels, found {in_channels} channels."
        )
