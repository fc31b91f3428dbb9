"""Grad-CAM and HiResCAM: which places of an input raise one class in a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import torch
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.training import FloatArray

SaliencyKind = Literal["grad-cam", "hires-cam"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassSaliency:
    """The places of an input that raise one class.

    Attributes:
        cells: On the grid of the network's last maps, shape ``(rows, columns)``, 0..1: shares of
            the largest cell, or 0 everywhere if no place raises the class.
        saliency: The same, interpolated to the input, shape ``(height, width)``.
        layers: Names of the parts of the network whose maps were weighed.
        kind: How.
    """

    cells: FloatArray
    saliency: FloatArray
    layers: tuple[str, ...]
    kind: SaliencyKind


def last_maps(network: nn.Module, inputs: Tensor) -> tuple[str, ...]:
    """Names of the parts that make the last maps of a network.

    That is the last part to finish whose output is a map: four axes, one entry for each input (maps
    of a clip's frames are more), more than one place, and made by trained weights. Where streams
    run side by side, it is the last one of each of them.

    Args:
        network: In evaluation mode.
        inputs: Shape ``(batch, channels, height, width)``.

    Returns:
        In the order in which they finish; at least one.

    Raises:
        ConfigError: The network has no maps.
    """
    maps: list[tuple[str, Tensor]] = []
    hooks = [
        part.register_forward_hook(_note_map(name, len(inputs), maps))
        for name, part in network.named_modules()
    ]
    try:
        logits = network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    maps = [entry for entry, used in zip(maps, _used(logits, maps), strict=True) if used]
    found: list[str] = []
    while maps:
        name, last = maps[-1]
        found.insert(0, name)
        maps = [entry for entry, used in zip(maps, _used(last, maps), strict=True) if not used]
    if not found:
        raise ConfigError(
            "A saliency map needs a network with convolutional maps, and this one has none: its "
            "decision has no place in the image. Choose a method with a convolutional network, "
            "such as ststnet or efficient-me."
        )
    return tuple(found)


def class_saliency(
    network: nn.Module, array: FloatArray, target: int, kind: SaliencyKind = "grad-cam"
) -> ClassSaliency:
    """Compute the saliency map of one class in one input.

    Grad-CAM weighs each of the last maps with the mean of the class's slope on it; HiResCAM weighs
    each of its places with the slope there. The weighted sum, where above zero, is the saliency.
    Maps of streams that run side by side count as one stack.

    They agree where the network averages its maps over all places. Where it flattens them, the mean
    forgets which places the class listens to, and Grad-CAM can light up others.

    Args:
        network: In evaluation mode, on the CPU.
        array: Shape ``(channels, height, width)``.
        target: Index of the class.
        kind: "grad-cam", or "hires-cam".

    Raises:
        ConfigError: The network has no maps, or the extra ``explain`` is not installed.

    References:
        Selvaraju et al. (2017), Grad-CAM: Visual Explanations from Deep Networks via
        Gradient-based Localization, ICCV. Draelos and Carin (2020), Use HiResCAM instead of
        Grad-CAM for faithful explanations of convolutional neural networks. The slopes are
        Captum's.
    """
    require_captum()
    from captum.attr import LayerAttribution

    inputs = torch.from_numpy(array)[None]
    names = last_maps(network, inputs)
    sums = [_weighed(network, name, inputs, target, kind) for name in names]
    finest = max((tuple(each.shape[2:]) for each in sums), key=math.prod)
    cells = torch.stack([LayerAttribution.interpolate(each, finest, "bilinear") for each in sums])
    cells = cells.sum(0).relu()
    peak = float(cells.max())
    cells = cells / peak if peak > 0 else cells
    saliency = LayerAttribution.interpolate(cells, array.shape[1:], "bilinear")
    return ClassSaliency(
        cells=cells[0, 0].numpy(), saliency=saliency[0, 0].numpy(), layers=names, kind=kind
    )


def require_captum() -> None:
    """Make sure that Captum is installed, before a network is trained for it.

    Raises:
        ConfigError: It is not.
    """
    if find_spec("captum") is None:
        raise ConfigError(
            "Saliency maps need captum, which is not installed. Install it with: "
            "pip install 'openmer[explain]'"
        )


def _weighed(
    network: nn.Module, name: str, inputs: Tensor, target: int, kind: SaliencyKind
) -> Tensor:
    """Compute the weighted sum of a part's maps, signed, shape ``(1, 1, rows, columns)``."""
    from captum.attr import LayerGradCam, LayerGradientXActivation

    part = network.get_submodule(name)
    if kind == "grad-cam":
        found: Tensor = LayerGradCam(network, part).attribute(inputs, target=target)
    else:
        products = LayerGradientXActivation(network, part).attribute(inputs, target=target)
        found = products.sum(dim=1, keepdim=True)
    return found.detach()


def _note_map(
    name: str, count: int, maps: list[tuple[str, Tensor]]
) -> Callable[[nn.Module, object, object], None]:
    """Return a hook that keeps the output of a part, if it is a map of each of `count` inputs."""

    def note(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.requires_grad and _is_of_maps(output.shape, count):
            maps.append((name, output))

    return note


def _is_of_maps(shape: torch.Size, count: int) -> bool:
    return len(shape) == 4 and shape[0] == count and math.prod(shape[2:]) > 1


def _used(output: Tensor, maps: Sequence[tuple[str, Tensor]]) -> list[bool]:
    """Whether each map has a part in an output."""
    if not maps:
        return []
    slopes = torch.autograd.grad(
        output.sum(), [each for _, each in maps], retain_graph=True, allow_unused=True
    )
    return [slope is not None for slope in slopes]
