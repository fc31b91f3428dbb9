"""Perturbation training: in some epochs or steps a model sees its clips changed at random.

What is drawn is drawn on the CPU and handed to the device, so that a model draws the same alone, in
a stack, on a CPU or on CUDA.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openmer.errors import ConfigError
from openmer.training._batches import epoch_batches
from openmer.training._config import Perturb
from openmer.training._folds import FitJob, FloatArray, IntArray, TrainingData
from openmer.training._network import NetworkSpec, Planes
from openmer.training._seeding import generator

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as frames are read
_LONGEST = 3.0  # side of a masked rectangle against its other side


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """What is drawn for some clips; the first axis of each array is theirs.

    Attributes:
        flip: Whether a clip is flipped, shape ``(clips,)``.
        factors: Of brightness, contrast and saturation, ``(clips, 3)``.
        box: First and last row and column of a masked rectangle, ``(clips, 4)``, the last ones
            not masked any more; all 0 where there is none.
        noise: Standard normal, ``(clips, channels, height, width)``; None where there is none.
    """

    flip: NDArray[np.bool_]
    factors: FloatArray
    box: IntArray
    noise: FloatArray | None

    def put(self, others: Draws, place: slice) -> None:
        """Put what was drawn for other clips in a place of these arrays."""
        self.flip[place] = others.flip
        self.factors[place] = others.factors
        self.box[place] = others.box
        if self.noise is not None:
            self.noise[place] = others.noise


def draw(
    perturb: Perturb, clips: int, shape: tuple[int, int, int], rng: np.random.Generator
) -> Draws:
    """Draw for some clips; what one operation draws does not depend on which others are on.

    Args:
        perturb: How far draws go.
        clips: How many clips.
        shape: ``(channels, height, width)`` of one.
        rng: The random stream.
    """
    uniform = rng.random((clips, 9))
    return Draws(
        flip=uniform[:, 0] < perturb.flip_probability,
        factors=(1 + perturb.color_jitter * (2 * uniform[:, 1:4] - 1)).astype(np.float32),
        box=_boxes(uniform[:, 4:], perturb, shape[1:]),
        noise=rng.standard_normal((clips, *shape), dtype=np.float32) if perturb.noise else None,
    )


def _boxes(
    uniform: NDArray[np.float64], perturb: Perturb, sides: tuple[int, int]
) -> NDArray[np.int64]:
    """Rectangles in whole pixels, of five numbers in 0..1 each."""
    low, high = perturb.erasing_area
    area = low + (high - low) * uniform[:, 1]
    longest = np.minimum(_LONGEST, 1 / area)  # so that none is longer than the image
    ratio = longest ** (2 * uniform[:, 2] - 1)
    box = np.empty((len(uniform), 2, 2), np.int64)
    for axis, (side, stretch) in enumerate(zip(sides, (ratio, 1 / ratio), strict=True)):
        length = np.rint(np.sqrt(area * stretch) * side).clip(1, side)
        box[:, axis, 0] = np.floor(uniform[:, 3 + axis] * (side - length + 1))
        box[:, axis, 1] = box[:, axis, 0] + length
    box[uniform[:, 0] >= perturb.erasing_probability] = 0
    return box.reshape(-1, 4)


def perturbed(inputs: Tensor, draws: Draws, spread: Tensor, planes: Planes) -> Tensor:
    """Clips changed as drawn; a clip without changes keeps its values.

    Args:
        inputs: ``(clips, channels, height, width)``.
        draws: For these clips.
        spread: Standard deviation of the noise, ``(clips, channels)``, on the device of the inputs.
        planes: What the channels are.
    """
    device = inputs.device
    changed = _flipped(inputs, torch.from_numpy(draws.flip).to(device), planes)
    changed = _color_jittered(changed, torch.from_numpy(draws.factors).to(device), planes.flow)
    if draws.noise is not None:
        changed = changed + torch.from_numpy(draws.noise).to(device) * spread[..., None, None]
    return _erased(changed, torch.from_numpy(draws.box).to(device), planes)


def _flipped(inputs: Tensor, flip: Tensor, planes: Planes) -> Tensor:
    flipped = inputs.flip(-1)
    if planes.flow:
        u = (255 if planes.stretched else 0) - flipped[:, :1]
        flipped = torch.cat([u, flipped[:, 1:]], dim=1)
    return torch.where(flip[:, None, None, None], flipped, inputs)


def _color_jittered(inputs: Tensor, factors: Tensor, flow: int) -> Tensor:
    """Brightness, then contrast about the image's mean, then saturation about each gray level.

    Written as what is added, so that a factor of 1 changes nothing. A single image channel is gray
    and has no saturation.
    """
    image = inputs[:, flow:]
    if not image.shape[1]:
        return inputs
    brighter, starker, richer = ((factor - 1)[:, None, None, None] for factor in factors.T)
    image = image + brighter * image
    image = image + starker * (image - image.mean((1, 2, 3), keepdim=True))
    if image.shape[1] == len(_LUMA):
        luma = torch.tensor(_LUMA, device=inputs.device)[:, None, None]
        image = image + richer * (image - (image * luma).sum(1, keepdim=True))
    return torch.cat([inputs[:, :flow], image], dim=1)


def _erased(inputs: Tensor, box: Tensor, planes: Planes) -> Tensor:
    height, width = inputs.shape[-2:]
    top, bottom, left, right = box.T[..., None]
    y, x = (torch.arange(side, device=inputs.device) for side in (height, width))
    inside = ((y >= top) & (y < bottom))[:, :, None] & ((x >= left) & (x < right))[:, None]
    fill = inputs.mean((-2, -1), keepdim=True)
    if not planes.stretched:  # then no motion is 0
        fill = torch.cat([torch.zeros_like(fill[:, : planes.flow]), fill[:, planes.flow :]], dim=1)
    return torch.where(inside[:, None], fill, inputs)


class Perturbation:
    """Perturbs what the models of a learner read in their steps, where their method says so.

    Args:
        spec: The network and its training.
        data: The clips.
        jobs: One per model.
        device: Where inputs lie.

    Raises:
        ConfigError: Clips are to be perturbed, and it is not known what their channels are.
    """

    def __init__(
        self, spec: NetworkSpec, data: TrainingData, jobs: Sequence[FitJob], device: str
    ) -> None:
        perturb = spec.training.perturb
        self._perturb = perturb if perturb and perturb.every else None
        if self._perturb is None:
            return
        if spec.planes is None:
            raise ConfigError(
                "Clips are to be perturbed, but it is not said which of their channels are flow "
                "and which an image. Give NetworkSpec.planes, or leave training.perturb out."
            )
        self._planes, self._jobs, self._shape = spec.planes, jobs, spec.input_shape
        self._steps = [len(epoch_batches(job, spec.training, data, 1)) for job in jobs]
        spreads = self._perturb.noise * _spreads(data, jobs)
        self._spreads = torch.from_numpy(spreads).to(device)

    def __call__(self, inputs: Tensor, clips: Sequence[int], moment: tuple[int, int]) -> Tensor:
        """Perturb the inputs of a step; return them as they are where nothing is perturbed.

        Args:
            inputs: ``(models, clips, channels, height, width)``.
            clips: How many clips of each model are its own; those after them are fillers.
            moment: Epoch and step within it, as in `Learner.step`.
        """
        if self._perturb is None:
            return inputs
        struck = [
            model
            for model, count in enumerate(clips)
            if count and self._strikes(self._perturb, model, moment)
        ]
        if not struck:
            return inputs
        models, most = inputs.shape[:2]
        draws = _unchanged(models * most, self._shape, noise=self._perturb.noise > 0)
        for model in struck:
            job, first = self._jobs[model], model * most
            rng = generator(job.seed, job.subject_id, "perturbation", *moment)
            own = draw(self._perturb, clips[model], self._shape, rng)
            draws.put(own, slice(first, first + clips[model]))
        spread = self._spreads.repeat_interleave(most, dim=0)
        return perturbed(inputs.flatten(0, 1), draws, spread, self._planes).reshape(inputs.shape)

    def _strikes(self, perturb: Perturb, model: int, moment: tuple[int, int]) -> bool:
        """Whether a model's clips are perturbed at a moment."""
        epoch, step = moment
        counted = epoch
        if perturb.unit == "step":
            counted = (epoch - 1) * self._steps[model] + step + 1
        return counted % perturb.every == 0


def _unchanged(clips: int, shape: tuple[int, int, int], *, noise: bool) -> Draws:
    return Draws(
        flip=np.zeros(clips, np.bool_),
        factors=np.ones((clips, 3), np.float32),
        box=np.zeros((clips, 4), np.int64),
        noise=np.zeros((clips, *shape), np.float32) if noise else None,
    )


def _spreads(data: TrainingData, jobs: Sequence[FitJob]) -> FloatArray:
    """Measure the spread of each channel over a job's own training clips, ``(jobs, channels)``."""
    seen = sorted({clip for job in jobs for clip in job.train})
    place = {clip: number for number, clip in enumerate(seen)}
    means = np.stack([data.inputs[clip].mean((-2, -1), dtype=np.float64) for clip in seen])
    variances = np.stack([data.inputs[clip].var((-2, -1), dtype=np.float64) for clip in seen])
    spreads = []
    for job in jobs:
        own = [place[clip] for clip in job.train]
        spreads.append(np.sqrt(variances[own].mean(axis=0) + means[own].var(axis=0)))
    return np.stack(spreads).astype(np.float32)
