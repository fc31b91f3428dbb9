"""A kernel machine that stores no clip: cosines and sines of random directions in place of kernels.

The mean of ``cos(w x) cos(w y) + sin(w x) sin(w y)`` over random directions w is near the kernel
``exp(-width d^2 / scale)`` of x and y. So products of few numbers of each clip alone stand for its
kernels with others, and a fitted machine is one set of weights of these numbers.

References:
    Rahimi and Recht (2007), Random features for large-scale kernel machines, NeurIPS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmer.errors import DataError
from openmer.training._kernel_methods import Feature, KernelTraining
from openmer.training._kernel_module import both_sides, shifted_pixels

_NAMES = ("readout", "bias", "scales", "weights", "offsets")
_BYTES = 8
_SPREAD = (256**2 - 1) / 12 / _BYTES + 1 / 12  # variance of a mean of eight bytes, rounded


def draw_directions(feature: Feature, number: int, projections: int) -> Tensor:
    """Draw the directions of a feature: the same on every machine, so that no model stores them.

    Each number is the mean of eight random bytes, rounded: nearly normal, and exact.

    Args:
        feature: What it is.
        number: Its place among the features.
        projections: How many directions.

    Returns:
        int8, shape ``(values, projections)``; divide them by their spread, as `random_features`.
    """
    values = (4 if feature.maps == "gradients" else 3) * feature.size**2
    drawn = np.random.Philox(key=number).random_raw(values * projections)
    sums = drawn.astype("<u8").view(np.uint8).reshape(-1, _BYTES).sum(1, dtype=np.int32)
    centred = (sums - (255 * _BYTES) // 2 + _BYTES // 2) >> 3
    return torch.from_numpy(centred.clip(-127, 127).astype(np.int8).reshape(values, projections))


def random_features(
    vectors: Tensor, directions: Tensor, scale: Tensor, widths: Sequence[float]
) -> Tensor:
    """Make numbers of each clip whose products are near the mean kernels of clips.

    Args:
        vectors: One feature of clips at all shifts, shape ``(clips, shifts, values)``.
        directions: From `draw_directions`.
        scale: As in `mean_kernels`.
        widths: As there.

    Returns:
        float32, shape ``(widths, clips, 2 * projections)``; each row has length 1.
    """
    turned = vectors @ directions.float() / _SPREAD**0.5
    found = []
    for width in widths:
        angles = turned * torch.sqrt(2 * width / scale).float()
        found.append(torch.cat([angles.cos().mean(1), angles.sin().mean(1)], dim=1))
    return F.normalize(torch.stack(found), dim=2)


class RandomFeatureClassifier(nn.Module):
    """Recovered flow ``(batch, 3, height, width)`` to class probabilities ``(batch, classes)``.

    Args:
        training: Features, widths and shifts.
        state: ``readout``, ``(features, widths, 2 * projections, classes)``; the others as in
            `KernelClassifier`.

    Raises:
        DataError: A part is missing, or their shapes do not fit each other.
    """

    readout: Tensor
    bias: Tensor
    scales: Tensor
    weights: Tensor
    offsets: Tensor

    def __init__(self, training: KernelTraining, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        _require_parts(training, state)
        self._training = training
        for name in _NAMES:
            self.register_buffer(name, state[name].float())
        for number, feature in enumerate(training.features):
            drawn = draw_directions(feature, number, training.projections)
            self.register_buffer(f"directions{number}", drawn, persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Class probabilities, float32, shape ``(batch, classes)``."""
        scores, training = self.bias, self._training
        pixels = shifted_pixels(inputs, training.own_shift)
        for number, feature in enumerate(training.features):
            vectors = both_sides(inputs.float(), feature, pixels)
            found = random_features(
                vectors,
                self.get_buffer(f"directions{number}"),
                self.scales[number],
                training.widths,
            )
            scores = scores + (found @ self.readout[number]).sum(0)
        return torch.softmax(scores @ self.weights.T + self.offsets, dim=1)


def _require_parts(training: KernelTraining, state: Mapping[str, Tensor]) -> None:
    found = {name: tuple(state[name].shape) for name in _NAMES if name in state}
    classes = found.get("bias", (0,))[0]
    features, widths = len(training.features), len(training.widths)
    expected = {
        "readout": (features, widths, 2 * training.projections, classes),
        "bias": (classes,),
        "scales": (features,),
        "weights": (classes, classes),
        "offsets": (classes,),
    }
    if found != expected:
        raise DataError(
            f"The parts of a kernel classifier do not fit: found {found}, expected {expected}. "
            "Train it again."
        )
