"""Rows of the training data on a device: every clip as it is, then every clip changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openmer.training._config import NetworkTraining, Oversample, Variants
from openmer.training._folds import FloatArray, TrainingData
from openmer.training._seeding import generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What each change does to each clip; change 0 is none. All arrays ``(changes, clips)``.

    Attributes:
        flip: Whether it flips.
        light: What it adds to every pixel in 0..255.
        shift_xy: Pixels to the right and down, ``(changes, clips, 2)``.
    """

    flip: NDArray[np.bool_]
    light: FloatArray
    shift_xy: NDArray[np.int64]


class Rows:
    """Row ``r`` is clip ``r % clips`` in its change ``r // clips``; change 0 is the clip itself.

    Change 1 is the flipped copy where the data holds one; with variants or copies change ``k`` is
    variant or copy ``k``, made whenever it is taken and never stored.

    Args:
        data: The clips.
        training: Names the random changes, if any.
        device: Where rows are taken to.
    """

    def __init__(self, data: TrainingData, training: NetworkTraining, device: str) -> None:
        self.clips = data.clips
        self.changes = 1
        stored = data.inputs
        if data.flipped is not None:
            stored, self.changes = np.concatenate([data.inputs, data.flipped]), 2
        self._stored = torch.from_numpy(stored).to(device)
        changes = changes_of(training, data.clips, stored.shape[-1])
        self._flip = None
        if changes is not None:
            self.changes = len(changes.flip)
            self._flip = torch.from_numpy(changes.flip.ravel()).to(device)
            self._light = torch.from_numpy(changes.light.ravel()).to(device)
            self._shift_xy = torch.from_numpy(changes.shift_xy.reshape(-1, 2)).to(device)
            self._shifts = bool(changes.shift_xy.any())

    def __len__(self) -> int:
        return self.clips * self.changes

    def take(self, rows: Tensor) -> Tensor:
        """Return the inputs of some rows.

        Args:
            rows: Row numbers of any shape, on the device.

        Returns:
            Shape ``(*rows.shape, channels, height, width)``.
        """
        if self._flip is None:
            return self._stored[rows]
        flat = rows.reshape(-1)
        images, over = self._stored[flat % self.clips], (..., None, None, None)
        images = torch.where(self._flip[flat][over], images.flip(-1), images)
        if self._shifts:
            images = _shifted(images, self._shift_xy[flat])
        changed = (images + self._light[flat][over]).clamp(0, 255)
        return changed.reshape(*rows.shape, *images.shape[1:])


def changes_of(training: NetworkTraining, clips: int, side: int) -> Changes | None:
    """Return the changes of a training; None where it has none but stored flipped copies.

    Args:
        training: Its variants or its copies.
        clips: How many clips there are.
        side: Width of a clip in pixels.
    """
    if training.variants is not None:
        return _of_variants(training.variants, clips)
    if training.oversample is not None:
        return _of_copies(training.oversample, clips, side)
    return None


def _of_variants(variants: Variants, clips: int) -> Changes:
    """Every clip's change ``k`` is the same."""
    made = _unchanged(variants.count + 1, clips)
    for change in range(1, variants.count + 1):
        rng = generator(change, "variant of an image")
        made.flip[change] = variants.flip and rng.random() < 0.5
        made.light[change] = 255 * variants.brightness * rng.uniform(-1, 1)
    return made


def _of_copies(oversample: Oversample, clips: int, side: int) -> Changes:
    """Every copy of every clip has a draw of its own, whoever is held out and whatever the seed."""
    made = _unchanged(oversample.copies + 1, clips)
    largest = max(1, round(oversample.shift * side))
    for copy in range(1, oversample.copies + 1):
        rng = generator(copy, "copies of smaller classes")
        made.flip[copy] = rng.random(clips) < oversample.flip_probability
        axis, sign = rng.integers(0, 2, clips), rng.choice((-1, 1), clips)
        pixels = sign * rng.integers(1, largest + 1, clips)
        shifted = ~made.flip[copy] & (oversample.shift > 0)
        made.shift_xy[copy, np.arange(clips), axis] = np.where(shifted, pixels, 0)
    return made


def _unchanged(changes: int, clips: int) -> Changes:
    shape = (changes, clips)
    return Changes(
        flip=np.zeros(shape, bool),
        light=np.zeros(shape, np.float32),
        shift_xy=np.zeros((*shape, 2), np.int64),
    )


def _shifted(images: Tensor, shift_xy: Tensor) -> Tensor:
    """Each image moved by whole pixels; its border goes on."""
    count, channels, height, width = images.shape
    x = torch.arange(width, device=images.device) - shift_xy[:, :1]
    y = torch.arange(height, device=images.device) - shift_xy[:, 1:]
    across = x.clamp(0, width - 1)[:, None, None, :].expand(count, channels, height, width)
    down = y.clamp(0, height - 1)[:, None, :, None].expand(count, channels, height, width)
    return images.gather(3, across).gather(2, down)
