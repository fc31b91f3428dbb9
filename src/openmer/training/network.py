"""A network to train: which one, on what shape of input, and the state of one fresh copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models import create_model
from openmer.models.weights import stored_backbone
from openmer.training.config import LossConfig, ModelConfig, NetworkTraining, Record, Stage
from openmer.training.jobs import FitJob, FloatArray, TrainingData
from openmer.training.layers import Standardize
from openmer.training.rows import Rows
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


def pretrained_network(spec: NetworkSpec, seed: int = 0) -> nn.Sequential:
    """A fresh network with the stored weights that its model names, and a head of its own.

    Raises:
        ConfigError: The stored weights are of another model.
    """
    network = build_network(spec, seed)
    if spec.model.weights:
        network[1].load_state_dict(stored_backbone(network[1], spec.model.weights), strict=False)
    return network


def fresh_state(spec: NetworkSpec, job: FitJob, data: TrainingData) -> dict[str, Tensor]:
    """The starting state of one job: weights from its seed, standardisation from its own clips.

    Where the model names stored weights they take the place of all but the head's.

    Raises:
        ConfigError: The stored weights are of another model.
    """
    network = pretrained_network(spec, derive_seed(job.seed, job.person, "weights"))
    if spec.training.standardize:
        mean, spread = _mean_and_spread(data, job)
        network[0].get_buffer("mean").copy_(torch.from_numpy(mean))
        network[0].get_buffer("spread").copy_(torch.from_numpy(spread))
    return {name: value.detach() for name, value in network.state_dict().items()}


def moving_part(network: nn.Module, model: nn.Module, stage: Stage) -> nn.Module:
    """The part of a network whose weights move in a stage: all of it, or the head of its model.

    Raises:
        ConfigError: The stage trains the head alone, and the model has no part of that name.
    """
    if stage.trainable == "all":
        return network
    head = getattr(model, "head", None)
    if not isinstance(head, nn.Module):
        raise ConfigError(
            f"A stage trains the head alone, but {type(model).__name__} has no part named 'head'. "
            'Set trainable = "all".'
        )
    return head


def set_learning(network: nn.Module, moving: nn.Module) -> None:
    """Training mode of the part that moves, evaluation mode of the rest."""
    network.eval()
    moving.train()


def penalised_weight(network: nn.Module, loss: LossConfig) -> str:
    """Name of the weight that a loss penalises, that of the last linear layer; "" if it does not.

    Raises:
        ConfigError: It does, and there is no linear layer.
    """
    if not (loss.head_l1 or loss.head_l2):
        return ""
    names = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    if not names:
        raise ConfigError("The loss penalises the last linear layer, but the model has none.")
    return f"{names[-1]}.weight"


def trains_heads_alone(spec: NetworkSpec) -> bool:
    """Whether nothing moves but heads on features that all jobs share."""
    heads = all(stage.trainable == "head" for stage in spec.training.passes)
    return heads and _shares_features(spec)


def _shares_features(spec: NetworkSpec) -> bool:
    begins_still = spec.training.passes[0].trainable == "head"
    if not begins_still or not spec.model.weights or spec.training.standardize:
        return False
    return callable(getattr(build_network(spec, seed=0)[1], "features", None))


@torch.no_grad()
def shared_features(
    spec: NetworkSpec, data: TrainingData, device: str, batch: int = 64
) -> FloatArray | None:
    """What a backbone of stored weights makes of every row, where a training begins with it still.

    Returns:
        float32, shape ``(rows, features)``; None where the training does not begin so, or each job
        has a backbone of its own.
    """
    if not _shares_features(spec):
        return None
    model = pretrained_network(spec)[1].eval().to(device)
    rows = Rows(data, spec.training.variants, device)
    features = cast(Callable[[Tensor], Tensor], model.features)
    parts = [
        torch.arange(start, min(start + batch, len(rows)), device=device)
        for start in range(0, len(rows), batch)
    ]
    return np.concatenate([features(rows.take(part)).cpu().numpy() for part in parts])


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
