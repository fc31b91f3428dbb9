"""Rows of the training data on a device: every clip as it is, then every clip changed."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from openmer.augmentation import (
    Augmentation,
    Brightness,
    Draws,
    HorizontalFlip,
    Planes,
    Translate,
    apply_all,
    sample_all,
)
from openmer.training._config import NetworkTraining, Oversample, Variants
from openmer.training._folds import TrainingData
from openmer.training._seeding import generator

Changes = list[tuple[Augmentation, Tensor]]
"""Augmentations with their parameters, ``(changes, clips, ...)``; change 0 is none."""


class Rows:
    """Row ``r`` is clip ``r % clips`` in its change ``r // clips``; change 0 is the clip itself.

    Change 1 is the flipped copy where the data holds one; with variants or copies change ``k`` is
    variant or copy ``k``, made whenever it is taken and never stored.

    Args:
        data: The clips.
        training: Names the random changes, if any.
        device: Where rows are taken to.
        planes: What the channels are; None where all are of an image.
    """

    def __init__(
        self,
        data: TrainingData,
        training: NetworkTraining,
        device: str,
        planes: Planes | None = None,
    ) -> None:
        self.clips = data.clips
        self.changes = 1
        stored = data.inputs
        if data.flipped is not None:
            stored, self.changes = np.concatenate([data.inputs, data.flipped]), 2
        self._stored = torch.from_numpy(stored).to(device)
        self._planes = planes or Planes()
        changes = changes_of(training, data.clips, data.inputs.shape[1:])
        if changes:
            self.changes = len(changes[0][1])
        self._augmentations = [augmentation for augmentation, _ in changes]
        self._parameters = [drawn.flatten(0, 1).to(device) for _, drawn in changes]

    def __len__(self) -> int:
        return self.clips * self.changes

    def take(self, rows: Tensor) -> Tensor:
        """Return the inputs of some rows.

        Args:
            rows: Row numbers of any shape, on the device.

        Returns:
            Shape ``(*rows.shape, channels, height, width)``.
        """
        if not self._augmentations:
            return self._stored[rows]
        flat = rows.reshape(-1)
        inputs, parameters = self._stored[flat % self.clips], [p[flat] for p in self._parameters]
        changed = apply_all(self._augmentations, inputs, parameters, self._planes)
        return changed.reshape(*rows.shape, *inputs.shape[1:])


def changes_of(training: NetworkTraining, clips: int, shape: tuple[int, ...]) -> Changes:
    """Return the changes of a training; empty where it has none but stored flipped copies.

    Args:
        training: Its variants or its copies.
        clips: How many clips there are.
        shape: ``(channels, height, width)`` of one.
    """
    channels, height, width = shape
    if training.variants is not None:
        return _of_variants(training.variants, clips, (channels, height, width))
    if training.oversample is not None:
        return copies_of(training.oversample, clips, (channels, height, width))
    return []


def _of_variants(variants: Variants, clips: int, shape: tuple[int, int, int]) -> Changes:
    """Draw each change once, for all clips."""
    used: list[Augmentation] = [Brightness(share=variants.brightness)]
    if variants.flip:
        used.insert(0, HorizontalFlip())
    drawn = []
    for change in range(1, variants.count + 1):
        parameters = sample_all(used, Draws(generator(change, "variant of an image"), 1), shape)
        drawn.append([one.expand(clips) for one in parameters])
    return _after_none(used, drawn)


def copies_of(oversample: Oversample, clips: int, shape: tuple[int, int, int]) -> Changes:
    """Draw each copy of each clip, whoever is held out and whatever the seed; shift or flip it.

    Args:
        oversample: How many copies, and how far they are changed.
        clips: How many clips or images there are.
        shape: ``(channels, height, width)`` of one.
    """
    used = [
        HorizontalFlip(probability=oversample.flip_probability), Translate(share=oversample.shift)
    ]  # fmt: skip
    drawn = []
    for copy in range(1, oversample.copies + 1):
        draws = Draws(generator(copy, "copies of smaller classes"), clips)
        flip, shift_xy = sample_all(used, draws, shape)
        drawn.append([flip, shift_xy * ~flip[:, None]])
    return _after_none(used, drawn)


def _after_none(used: list[Augmentation], drawn: list[list[Tensor]]) -> Changes:
    """Put the change that changes nothing before those that are drawn; each list is a change."""
    columns = zip(*drawn, strict=True)
    return [
        (augmentation, torch.stack([torch.zeros_like(of_changes[0]), *of_changes]))
        for augmentation, of_changes in zip(used, columns, strict=True)
    ]
