"""The small network of the learned spotter, in NumPy: where and when something brief happens.

A convolution over time and place, as a training framework would compute it (`conv3d`, channels
last). There is one forward pass and nothing to train here, so that a video is analysed without
PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from openmer.video.spotting._brief_input import BriefInput, context_of, scaled

Array = NDArray[np.float32]

_FILE = "spotter.safetensors"
_BATCH = 2048  # samples that are computed together
_REACH = 16  # samples to each side, more than the kernels reach
_SHIFT_MOST = 1.5
_SIDE = 5  # places to each side
_GRID_PX = 8 + 32 * np.arange(_SIDE)  # every second cell
PLACES_PX = np.stack(np.meshgrid(_GRID_PX, _GRID_PX), -1).reshape(-1, 2)
"""Middle of each place that the network tells of, pixels of the patch, ``(25, 2)``."""


class BriefNetwork:
    """Tells at each sample and place how likely a brief movement has its apex there.

    Args:
        weights: By their names; those of `spotter.safetensors`.
    """

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._weights = {name: np.asarray(values, np.float32) for name, values in weights.items()}

    def __call__(self, seen: BriefInput) -> tuple[Array, Array, Array]:
        """Compute the outputs for a piece.

        Returns:
            ``(samples, 5, 5)`` each: the likelihood, 0..1; how long the movement lasts, seconds;
            how far its apex is from the sample, samples.
        """
        found = self._outputs(seen.moved, context_of(seen))
        logits, length, shift = np.moveaxis(found, -1, 0)
        lasts_s = 0.2 * np.exp(np.clip(length, -3, 3))
        return 1 / (1 + np.exp(-logits)), lasts_s, np.clip(shift, -_SHIFT_MOST, _SHIFT_MOST)

    def _outputs(self, moved: NDArray[np.floating], context: Array) -> Array:
        """Compute piece by piece, so that memory does not grow with the video."""
        parts = []
        for start in range(0, len(moved), _BATCH):
            first, end = max(0, start - _REACH), start + _BATCH + _REACH
            found = self._forward(scaled(moved[first:end]), context[first:end])
            parts.append(found[start - first : start - first + _BATCH])
        return np.concatenate(parts)

    def _forward(self, moved: Array, context: Array) -> Array:
        w = self._weights
        fine = np.maximum(_convolved(moved, w["a.weight"], w["a.bias"], stride=2), 0)
        around = _convolved(context[:, None, None], w["ctx.weight"][..., None, None], w["ctx.bias"])
        shape = fine.shape[:3]
        place = np.broadcast_to(w["pos"][:, 0].transpose(1, 2, 0), (*shape, w["pos"].shape[0]))
        around = np.broadcast_to(np.maximum(around, 0), (*shape, around.shape[-1]))
        values = np.concatenate([fine, place, around], axis=-1)
        values = np.maximum(_convolved(values, w["b.weight"], w["b.bias"]), 0)
        for name, apart in (("c", 1), ("d", 2), ("e", 2)):
            more = _convolved(values, w[f"{name}.weight"], w[f"{name}.bias"], apart=apart)
            values = values + np.maximum(more, 0)
        return _convolved(values, w["h.weight"], w["h.bias"])


@lru_cache(maxsize=1)
def brief_network() -> BriefNetwork:
    """Return the network that comes with the package."""
    return BriefNetwork(load(files("openmer.weights").joinpath(_FILE).read_bytes()))


def _convolved(
    values: Array, weight: Array, bias: Array, *, stride: int = 1, apart: int = 1
) -> Array:
    """Convolve over time, rows and columns; what lies outside is 0.

    Args:
        values: ``(time, rows, columns, channels)``.
        weight: ``(new channels, channels, time, rows, columns)``, sizes odd.
        bias: ``(new channels,)``.
        stride: Between the places that are computed.
        apart: Samples between the weights over time.
    """
    times, rows, columns = weight.shape[2:]
    edges = [(apart * (times // 2),) * 2, (rows // 2,) * 2, (columns // 2,) * 2, (0, 0)]
    padded = np.pad(values, edges)
    height, width = (-(-side // stride) for side in values.shape[1:3])
    out = np.broadcast_to(bias, (len(values), height, width, len(bias))).astype(np.float32)
    for t in range(times):
        for y in range(rows):
            for x in range(columns):
                part = padded[
                    apart * t : apart * t + len(values),
                    y : y + stride * height : stride,
                    x : x + stride * width : stride,
                ]
                flat = np.ascontiguousarray(part).reshape(-1, weight.shape[1])
                out += (flat @ weight[:, :, t, y, x].T).reshape(out.shape)
    return out
