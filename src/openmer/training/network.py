"""A network to train: which one, on what shape of input, and the state of one fresh copy."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from openmer.models import create_model
from openmer.training.config import LossConfig, ModelConfig, NetworkTraining, Record
from openmer.training.jobs import FitJob, TrainingData
from openmer.training.layers import Standardize
from openmer.training.seeding import derive_seed


class NetworkSpec(Record):
    """Everything that decides how one network is made and trained, but not on which fold.

    Attributes:
        model: The model and its hyperparameters.
        loss: Loss of one clip.
        training: Budget, optimiser and batches.
        num_classes: Number of classes.
        input_shape: ``(channels, height, width)`` of one clip.
    """

    model: ModelConfig
    loss: LossConfig
    training: NetworkTraining
    num_classes: int
    input_shape: tuple[int, int, int]


def build_network(spec: NetworkSpec, seed: int) -> nn.Sequential:
    """A fresh network with weights drawn from `seed`; the caller's random state is left alone."""
    channels, height, _ = spec.input_shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = create_model(
            spec.model.name,
            in_channels=channels,
            num_classes=spec.num_classes,
            size=height,
            **spec.model.parameters,
        )
    standardize = Standardize(spec.input_shape) if spec.training.standardize else nn.Identity()
    return nn.Sequential(standardize, model)


def fresh_state(spec: NetworkSpec, job: FitJob, data: TrainingData) -> dict[str, Tensor]:
    """The starting state of one job: weights from its seed, standardisation from its own clips."""
    network = build_network(spec, derive_seed(job.seed, job.person, "weights"))
    if spec.training.standardize:
        mean, spread = _mean_and_spread(data, job)
        network[0].get_buffer("mean").copy_(torch.from_numpy(mean))
        network[0].get_buffer("spread").copy_(torch.from_numpy(spread))
    return {name: value.detach() for name, value in network.state_dict().items()}


def _mean_and_spread(
    data: TrainingData, job: FitJob
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], ...]:
    seen = data.inputs[list(job.train)]
    spread = seen.std(axis=0)
    spread[spread < 1e-6] = 1.0  # a value that never changes says nothing; leave it as it is
    return seen.mean(axis=0), spread


def count_parameters(spec: NetworkSpec) -> int:
    """Trainable numbers of the network."""
    return sum(parameter.numel() for parameter in build_network(spec, seed=0).parameters())
