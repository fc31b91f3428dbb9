"""Rows of the training data on a device: every clip as it is, then every clip changed."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from openmer.training.config import Variants
from openmer.training.jobs import TrainingData
from openmer.training.seeding import generator


class Rows:
    """Row ``r`` is clip ``r % clips`` in its change ``r // clips``; change 0 is the clip itself.

    Change 1 is the mirrored copy where the data holds one; with `variants` change ``k`` is variant
    ``k``, made whenever it is taken and never stored.

    Args:
        data: The clips.
        variants: Random changes of images; None for none.
        device: Where rows are taken to.
    """

    def __init__(self, data: TrainingData, variants: Variants | None, device: str) -> None:
        self.clips = data.clips
        self.changes = 1
        stored = data.inputs
        if data.mirrored is not None:
            stored, self.changes = np.concatenate([data.inputs, data.mirrored]), 2
        self._stored = torch.from_numpy(stored).to(device)
        self._mirror = self._light = None
        if variants is not None:
            mirror, light = variant_tables(variants)
            self._mirror = torch.from_numpy(mirror).to(device)
            self._light = torch.from_numpy(light).to(device)
            self.changes = len(mirror)

    def __len__(self) -> int:
        return self.clips * self.changes

    def take(self, rows: Tensor) -> Tensor:
        """The inputs of some rows.

        Args:
            rows: Row numbers of any shape, on the device.

        Returns:
            Shape ``(*rows.shape, channels, height, width)``.
        """
        if self._mirror is None or self._light is None:
            return self._stored[rows]
        images, change = self._stored[rows % self.clips], rows // self.clips
        over = (..., None, None, None)
        images = torch.where(self._mirror[change][over], images.flip(-1), images)
        return (images + self._light[change][over]).clamp(0, 255)


def variant_tables(variants: Variants) -> tuple[np.ndarray, np.ndarray]:
    """What each change does, change 0 being none.

    Returns:
        Whether it mirrors, bool, and what it adds to every pixel in 0..255, float32; both of shape
        ``(count + 1,)``.
    """
    mirror, light = np.zeros(variants.count + 1, bool), np.zeros(variants.count + 1, np.float32)
    for change in range(1, variants.count + 1):
        rng = generator(change, "variant of an image")
        mirror[change] = variants.mirror and rng.random() < 0.5
        light[change] = 255 * variants.brightness * rng.uniform(-1, 1)
    return mirror, light
