"""Kernels of recovered flow, and the fitted classifier made of them, as a module.

The same module predicts and is exported; its numbers are plain arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import torch
from torch import Tensor, nn

from openmer.errors import DataError
from openmer.preprocessing import (
    cell_means,
    center_flow,
    flip_flow,
    flow_gradients,
    power_normalise,
    residual_flow,
)
from openmer.training._kernel_methods import Feature, KernelTraining

_MAPS = {
    "flow": lambda flow: flow,
    "residual": residual_flow,
    "gradients": flow_gradients,
    "centered": center_flow,
}
_NAMES = ("maps", "coefficients", "bias", "scales", "diagonal", "weights", "offsets")


def shifts_within(reach: int) -> list[tuple[int, int]]:
    """List all shifts, down and across, of at most `reach` pixels in sum; the smallest first."""
    steps = range(-reach, reach + 1)
    shifts = [(y, x) for y, x in product(steps, steps) if abs(y) + abs(x) <= reach]
    return sorted(shifts, key=lambda shift: abs(shift[0]) + abs(shift[1]))


def shifted_pixels(images: Tensor, reach: int) -> Tensor:
    """Return where each pixel of each shifted image comes from, in a flattened image.

    Args:
        images: Of that size, shape ``(..., height, width)``.
        reach: As in `shifts_within`.
    """
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device)[:, None]
    columns = torch.arange(width, device=images.device)[None, :]
    found = [
        (rows + y).clamp(0, height - 1) * width + (columns + x).clamp(0, width - 1)
        for y, x in shifts_within(reach)
    ]
    return torch.stack(found).flatten()


def feature_vectors(flow: Tensor, feature: Feature, pixels: Tensor) -> Tensor:
    """Vectors of clips at all shifts; the border goes on into what becomes free.

    Args:
        flow: Recovered flow, shape ``(clips, 3, height, width)``.
        feature: Which maps, and how many cells.
        pixels: From `shifted_pixels` for images of this size.

    Returns:
        Shape ``(clips, shifts, values)``, in the order of `shifts_within`.
    """
    maps = _MAPS[feature.maps](flow)
    height, width = maps.shape[-2:]
    shifted = maps.flatten(2)[:, :, pixels]
    cells = cell_means(
        shifted.reshape(*shifted.shape[:2], -1, height, width).transpose(1, 2), feature.size
    )
    vectors: Tensor = power_normalise(cells) if feature.power else cells
    return vectors.flatten(2)


def both_sides(flow: Tensor, feature: Feature, pixels: Tensor) -> Tensor:
    """Vectors as `feature_vectors`, of the clips as they are and flipped, in turn."""
    sides = torch.stack([flow, flip_flow(flow)], dim=1).flatten(0, 1)
    vectors = feature_vectors(sides, feature, pixels)
    pairs = vectors.reshape(-1, 2, *vectors.shape[1:])
    return pairs.transpose(1, 2).flatten(1, 2)


def mean_kernels(left: Tensor, right: Tensor, scale: Tensor, widths: Sequence[float]) -> Tensor:
    """Mean of ``exp(-width d^2 / scale)`` over all shifts of both.

    Args:
        left: Shape ``(a, shifts, values)``.
        right: Shape ``(b, other shifts, values)``.
        scale: What distances are measured in, shape ``()``.
        widths: One kernel each.

    Returns:
        float64, shape ``(widths, a, b)``.
    """
    rows, columns = left.flatten(0, 1), right.flatten(0, 1)
    squares = (rows**2).sum(1)[:, None] + (columns**2).sum(1) - 2 * rows @ columns.T
    distances = squares.clamp_min(0) / scale
    distances = distances.reshape(-1, left.shape[1], len(right), right.shape[1])
    return torch.stack([torch.exp(-width * distances).mean((1, 3)) for width in widths]).double()


def own_kernels(few: Tensor, many: Tensor, scale: Tensor, widths: Sequence[float]) -> Tensor:
    """Return the kernel of each clip with itself, float64, shape ``(widths, clips)``.

    Args:
        few: Shape ``(clips, shifts, values)``.
        many: Shape ``(clips, other shifts, values)``.
        scale: As in `mean_kernels`.
        widths: As in `mean_kernels`.
    """
    squares = (few**2).sum(2)[:, :, None] + (many**2).sum(2)[:, None] - 2 * few @ many.mT
    distances = squares.clamp_min(0) / scale
    return torch.stack([torch.exp(-width * distances).mean((1, 2)) for width in widths]).double()


class KernelClassifier(nn.Module):
    """Recovered flow ``(batch, 3, height, width)`` to class probabilities ``(batch, classes)``.

    Args:
        training: Features, widths and shifts.
        state: ``maps`` of the training clips, ``(clips, 3, height, width)``; ``coefficients``,
            ``(widths, clips, classes)``; ``bias``, ``(classes,)``; ``scales`` of the distances,
            ``(features,)``; ``diagonal``, from `own_kernels`, ``(features, widths, clips)``; of the
            calibration ``weights``, ``(classes, classes)``, and ``offsets``, ``(classes,)``.

    Raises:
        DataError: A part is missing, or their shapes do not fit each other.
    """

    maps: Tensor
    coefficients: Tensor
    bias: Tensor
    scales: Tensor
    diagonal: Tensor
    weights: Tensor
    offsets: Tensor
    pixels: Tensor

    def __init__(self, training: KernelTraining, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        _require_parts(training, state)
        self._training = training
        for name in _NAMES:
            value = state[name].float() if name in ("maps", "scales") else state[name].double()
            self.register_buffer(name, value)
        pixels = shifted_pixels(self.maps, training.shift)
        self.register_buffer("pixels", pixels, persistent=False)
        self._known: dict[int, Tensor] = {}

    def forward(self, inputs: Tensor) -> Tensor:
        """Class probabilities, float32, shape ``(batch, classes)``."""
        logits = self.ridge_scores(inputs.float()) @ self.weights.T + self.offsets
        return torch.softmax(logits, dim=1).float()

    def ridge_scores(self, flow: Tensor) -> Tensor:
        """Scores before they are calibrated, float64, shape ``(batch, classes)``."""
        features = self._training.features
        kernels = [self._kernels(flow, number) / len(features) for number in range(len(features))]
        return (torch.stack(kernels).sum(0) @ self.coefficients).sum(0) + self.bias

    def _kernels(self, flow: Tensor, number: int) -> Tensor:
        """With the training clips by one feature, symmetric, shape ``(widths, batch, clips)``."""
        training, scale = self._training, self.scales[number]
        own, shifts = len(shifts_within(training.own_shift)), len(shifts_within(training.shift))
        widths, known = training.widths, self._vectors(number)
        many = both_sides(flow, training.features[number], self.pixels)
        few = many[:, : 2 * own]
        found = mean_kernels(few, known, scale, widths)
        found = (found + mean_kernels(many, known[:, :own], scale, widths)) / 2
        diagonal = own_kernels(few, many[:, : 2 * shifts : 2], scale, widths)[:, :, None]
        return found / (diagonal * self.diagonal[number][:, None, :]).sqrt()

    def _vectors(self, number: int) -> Tensor:
        """Vectors of the training clips by one feature; an exported file makes its own."""
        feature = self._training.features[number]
        if torch.compiler.is_exporting():
            return feature_vectors(self.maps, feature, self.pixels)
        if number not in self._known:
            self._known[number] = feature_vectors(self.maps, feature, self.pixels)
        return self._known[number]


def _require_parts(training: KernelTraining, state: Mapping[str, Tensor]) -> None:
    missing = [name for name in _NAMES if name not in state]
    if missing:
        raise DataError(
            f"A kernel classifier lacks {', '.join(missing)}; found {', '.join(state)}. Train it "
            "again."
        )
    clips, classes = len(state["maps"]), len(state["bias"])
    features, widths = len(training.features), len(training.widths)
    expected = {
        "coefficients": (widths, clips, classes),
        "scales": (features,),
        "diagonal": (features, widths, clips),
        "weights": (classes, classes),
        "offsets": (classes,),
    }
    found = {name: tuple(state[name].shape) for name in expected}
    if found != expected or state["maps"].ndim != 4:
        raise DataError(
            f"The parts of a kernel classifier do not fit: found {found}, expected {expected}. "
            "Train it again."
        )
