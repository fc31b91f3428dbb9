"""What the models that are cut from a backbone of timm have in common: pixels, pooling, head."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._enlarge import enlarging

# What timm's ImageNet weights expect of pixels in 0..1, red, green, blue, unless they say else.
_MEAN = (0.485, 0.456, 0.406)
_SPREAD = (0.229, 0.224, 0.225)


def timm_library() -> ModuleType:
    """Import timm, which takes seconds: only who makes a model of its parts waits for it.

    No lazy module stands for it: whatever looks through all modules, as PyTorch does while it
    imports parts of itself, would import it there.
    """
    import timm

    return timm


class PixelNormalize(nn.Module):
    """Pixels in 0..255 to the scale that ImageNet weights were trained on; gray becomes colour.

    Args:
        mean: Of red, green and blue in 0..1.
        spread: Their standard deviation.
    """

    mean: Tensor
    spread: Tensor

    def __init__(
        self,
        mean: tuple[float, float, float] = _MEAN,
        spread: tuple[float, float, float] = _SPREAD,
    ) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("spread", spread)):
            scaled = torch.tensor(values).view(3, 1, 1) * 255
            self.register_buffer(name, scaled, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """``(batch, 1 or 3, height, width)`` in 0..255 to ``(batch, 3, height, width)``."""
        return (pixels - self.mean) / self.spread


class ImageClassifier(nn.Module):
    """Images ``(batch, in_channels, size, size)``, 0..255, to logits ``(batch, num_classes)``.

    A whole backbone of timm under timm's own names, without its classifier; its features; dropout
    and one linear layer.

    Args:
        in_channels: 3, or 1 for gray.
        num_classes: Classes.
        size: Input height and width in pixels, at least 32.
        dropout: Share of features dropped in training.
        options: Further arguments of ``timm.create_model``.

    Attributes:
        timm_backbone: Whose layers and ImageNet weights these are.
        title: What errors call the model.

    Raises:
        ConfigError: An argument is out of its range.
    """

    timm_backbone: ClassVar[str]
    title: ClassVar[str]

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 256,
        dropout: float = 0.5,
        options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        check_image(self.title, in_channels=in_channels, size=size)
        make = timm_library().create_model
        whole: Any = make(self.timm_backbone, num_classes=0, **(options or {}))
        self.normalize = PixelNormalize(whole.default_cfg["mean"], whole.default_cfg["std"])
        self.backbone: nn.Module = whole
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(_features(whole), num_classes))

    def features(self, pixels: Tensor) -> Tensor:
        """``(batch, features)``: what `head`, or a support vector machine, reads."""
        found: Tensor = self.backbone(self.normalize(pixels))
        return found

    def feature_maps(self, pixels: Tensor) -> Tensor:
        """Return maps before the pooling, ``(batch, channels, height, width)``."""
        forward = cast(Callable[[Tensor], Tensor], self.backbone.forward_features)
        return forward(self.normalize(pixels))

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of pixels ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(pixels))
        return logits


class NamedBackbone(nn.Module):
    """Any model of timm by its name: ``(batch, in_channels, size, size)`` to logits.

    The input is enlarged, where it must be, to a multiple of 32 pixels.

    Args:
        timm_backbone: Name in timm, as `timm.list_models` has it.
        in_channels: Channels; ImageNet weights fit 3, or 1 for gray.
        num_classes: Classes.
        size: Input height and width in pixels.
        dropout: Share of features dropped in training.
        pixels: Whether values are in 0..255, as of images and of flow after the step `stretch`, and
            are to be put in the scale of ImageNet; else they are read as they are.

    Raises:
        ConfigError: timm has no model of that name; the nearest are given. Or it cannot read
            images of that size.
    """

    def __init__(
        self,
        timm_backbone: str,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 224,
        dropout: float = 0.0,
        pixels: bool = True,
    ) -> None:
        super().__init__()
        timm = timm_library()
        if not timm.is_model(timm_backbone):
            near = difflib.get_close_matches(timm_backbone, timm.list_models(), n=3, cutoff=0.5)
            raise ConfigError(
                f"timm has no model {timm_backbone!r}. Near: {', '.join(near) or 'nothing'}. "
                "List them with: python -c 'import timm; print(timm.list_models())'"
            )
        self.timm_backbone = timm_backbone
        planes = 3 if pixels and in_channels == 1 else in_channels
        side = -(-size // 32) * 32
        whole: Any = timm.create_model(
            timm_backbone, num_classes=0, in_chans=planes, **_sized(timm_backbone, side)
        )
        scaled = PixelNormalize() if planes == 3 else _Centred()
        self.normalize: nn.Module = scaled if pixels else nn.Identity()
        self.enlarge = enlarging(size, side)
        self.backbone: nn.Module = whole
        self.width = _width(whole, timm_backbone, (planes, side, side))
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.width, num_classes))

    def features(self, inputs: Tensor) -> Tensor:
        """Return what `head` reads, ``(batch, features)``."""
        found: Tensor = self.backbone(self.enlarge(self.normalize(inputs)))
        return found

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(inputs))
        return logits


class _Centred(nn.Module):
    """Values in 0..255 of any channels to about -2..2."""

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs - 127.5) / 64


@torch.no_grad()
def _width(whole: nn.Module, name: str, shape: tuple[int, int, int]) -> int:
    """Return how many features a model makes of an input.

    Raises:
        ConfigError: It cannot read one of that shape.
    """
    try:
        features = whole.eval()(torch.zeros(1, *shape))
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"timm's {name} cannot read {shape[1]}x{shape[2]} pixels ({error}). Give a recipe with "
            "a larger size, or another model."
        ) from error
    whole.train()
    return int(features.shape[1])


def _sized(name: str, side: int) -> dict[str, Any]:
    """Return the argument for the input's size of a model that is built for one size."""
    facts = timm_library().models.get_pretrained_cfg(name)
    return {"img_size": side} if facts is not None and facts.fixed_input_size else {}


def check_image(title: str, *, in_channels: int, size: int) -> None:
    """Raise if a model of images cannot read such ones.

    Raises:
        ConfigError: Neither gray nor colour, or smaller than 32x32.
    """
    if in_channels not in (1, 3):
        raise ConfigError(
            f"{title} reads gray or colour images, 1 or 3 channels, found {in_channels}. Give it a "
            "recipe with the step 'apex_frame'."
        )
    if size < 32:
        raise ConfigError(f"{title} needs images of at least 32x32, found {size}x{size}.")


def _features(whole: nn.Module) -> int:
    """Length of what a backbone without classifier gives: not always its ``num_features``."""
    width = getattr(whole, "head_hidden_size", None) or whole.num_features
    return int(cast(int, width))
