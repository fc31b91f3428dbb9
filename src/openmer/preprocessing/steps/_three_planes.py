"""Histograms over three orthogonal planes of a clip: what LBP-TOP and its kin have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError
from openmer.preprocessing._frame_sequence import movement
from openmer.preprocessing.flow._resample import resize_image
from openmer.preprocessing.steps._apex import to_gray
from openmer.preprocessing.steps._step import ALL_FRAMES, Array, ClipData

Numbers = NDArray[np.int64]
PLANES = ((1, 2), (0, 2), (0, 1))
"""The axes of XY, XT and YT in a volume ``(time, height, width)``: down, then to the right."""


class OfThreePlanes:
    """What a step does that makes histograms in cells of all frames from onset to offset.

    It stands before `Step` among the bases of a step, which has the fields `size`, cells along a
    side, and `pixels`: frames become squares of that many pixels first; 0 keeps their own size.
    """

    gives: ClassVar[Mapping[str, str]] = dict.fromkeys(ALL_FRAMES, "texture histograms")
    of_movement: ClassVar[bool] = True

    step: str
    size: int
    pixels: int

    def channels(self, before: int) -> int:  # noqa: ARG002
        """Return one channel for each bin of each plane."""
        return len(self.flipped_bins())

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with ``(bins, size, size)``, of sum 1 in each cell and plane.

        Raises:
            DataError: The movement has fewer than three frames.
        """
        numbers = tuple(movement(data.clip, self.step))
        frames = data.frames.between(numbers[0], numbers[-1]).all()
        images = (to_gray(frame) for frame in frames)
        sized = [resize_image(one, self.pixels) if self.pixels else one for one in images]
        if len(sized) < 3:
            raise DataError(
                f"{data.clip.key}: the step {self.step!r} needs at least 3 frames from onset to "
                f"offset, found {len(sized)}. Add the step 'interpolate' before it."
            )
        found = [self._cells(*part) for part in self.parts(np.stack(sized))]
        return replace(data, numbers=numbers, array=np.concatenate(found))

    def parts(self, volume: Array) -> Iterator[tuple[Numbers, Array, int]]:
        """Yield the bin and the weight of each place ``(time, height, width)``, and the bins."""
        raise NotImplementedError

    def flipped_bins(self) -> Numbers:
        """Return for each channel the one that it has in a flipped clip."""
        raise NotImplementedError

    def flip(self, array: Array, kind: str) -> Array:  # noqa: ARG002
        """Return the histograms of the flipped clip."""
        return np.ascontiguousarray(array[..., self.flipped_bins(), :, ::-1])

    def _cells(self, labels: Numbers, weights: Array, bins: int) -> Array:
        height, width = labels.shape[1:]
        rows = np.arange(height) * self.size // height
        columns = np.arange(width) * self.size // width
        places = (rows[:, None] * self.size + columns) * bins + labels
        counts = np.bincount(places.ravel(), weights.ravel(), self.size**2 * bins)
        cells = counts.reshape(self.size, self.size, bins)
        shares = cells / np.maximum(cells.sum(-1, keepdims=True), 1e-12)
        found: Array = shares.transpose(2, 0, 1).astype(np.float32)
        return found


def signs(volume: Array, steps: NDArray[np.int64]) -> Numbers:
    """Return a number of bits: whether each neighbour is at least as bright as the middle.

    Args:
        volume: Shape ``(time, height, width)``, at least 3 along each axis.
        steps: Where the neighbours are, -1..1, shape ``(neighbours, 3)``.

    Returns:
        Of all places but the border.
    """
    middle = volume[1:-1, 1:-1, 1:-1]
    codes = np.zeros(middle.shape, np.int64)
    for bit, step in enumerate(steps):
        inside = tuple(slice(1 + s, n - 1 + s) for s, n in zip(step, volume.shape, strict=True))
        codes |= (volume[inside] >= middle).astype(np.int64) << bit
    return codes
