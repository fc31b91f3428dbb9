"""Perturbation training: in some epochs or steps a model sees its clips changed at random.

What is drawn is drawn on the CPU and handed to the device, so that a model draws the same alone, in
a stack, on a CPU or on CUDA.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from openmer.augmentation import (
    Augmentation,
    ColorJitter,
    Draws,
    GaussianNoise,
    HorizontalFlip,
    RandomErasing,
    apply_all,
    sample_all,
)
from openmer.errors import ConfigError
from openmer.training._batches import epoch_batches
from openmer.training._config import Perturb
from openmer.training._folds import FitJob, FloatArray, TrainingData
from openmer.training._network import NetworkSpec
from openmer.training._seeding import generator


def augmentations_of(perturb: Perturb, spread: FloatArray) -> list[Augmentation]:
    """List what changes the clips of one model, in this order.

    Args:
        perturb: How far it goes.
        spread: Standard deviation of each channel over the model's own training clips.
    """
    noise = GaussianNoise(spread=tuple((perturb.noise * spread).tolist()))
    return [
        HorizontalFlip(probability=perturb.flip_probability),
        ColorJitter(share=perturb.color_jitter),
        *([noise] if perturb.noise else []),
        RandomErasing(probability=perturb.erasing_probability, area=perturb.erasing_area),
        *perturb.augmentations,
    ]


def draw(
    augmentations: Sequence[Augmentation],
    clips: int,
    shape: tuple[int, int, int],
    rng: np.random.Generator,
) -> list[Tensor]:
    """Draw for some clips; what one augmentation draws does not depend on which others are on.

    Args:
        augmentations: What changes the clips.
        clips: How many clips.
        shape: ``(channels, height, width)`` of one.
        rng: The random stream.
    """
    columns = Draws(rng, clips).uniform(sum(one.numbers for one in augmentations))
    return sample_all(augmentations, Draws(rng, clips, columns), shape)


class Perturbation:
    """Perturbs what the models of a learner read in their steps, where their method says so.

    Args:
        spec: The network and its training.
        data: The clips.
        jobs: One per model.

    Raises:
        ConfigError: Clips are to be perturbed, and it is not known what their channels are.
    """

    def __init__(self, spec: NetworkSpec, data: TrainingData, jobs: Sequence[FitJob]) -> None:
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
        self._augmentations = [
            augmentations_of(self._perturb, spread) for spread in _spreads(data, jobs)
        ]

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
        drawn, own = [], torch.zeros(inputs.shape[:2], dtype=torch.bool)
        for model in struck:
            job = self._jobs[model]
            rng = generator(job.seed, job.subject_id, "perturbation", *moment)
            drawn.append(draw(self._augmentations[model], clips[model], self._shape, rng))
            own[model, : clips[model]] = True
        own = own.to(inputs.device)
        parameters = [torch.cat(of_models) for of_models in zip(*drawn, strict=True)]
        found = inputs.clone()
        found[own] = apply_all(self._augmentations[0], inputs[own], parameters, self._planes)
        return found

    def _strikes(self, perturb: Perturb, model: int, moment: tuple[int, int]) -> bool:
        """Whether a model's clips are perturbed at a moment."""
        epoch, step = moment
        counted = epoch
        if perturb.unit == "step":
            counted = (epoch - 1) * self._steps[model] + step + 1
        return counted % perturb.every == 0


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
