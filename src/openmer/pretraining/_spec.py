"""What a pretraining is asked to do and what it gives back; how a begun one is recognised."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from openmer.errors import DataError, reading_file
from openmer.models import create_model
from openmer.pretraining._images import ImageSet
from openmer.training import (
    FloatArray,
    IntArray,
    ModelConfig,
    Pretraining,
    Record,
    Stage,
    derive_seed,
)

_KEYS = {"question", "progress", "network", "best", "optimizer"}


class PretrainSpec(Record):
    """Everything that decides a pretraining beside the images.

    Attributes:
        model: The model as its method has it.
        pretraining: Stages, images, augmentation.
        seed: Seed of weights, split, order and augmentation.
        device: ``cpu`` or ``cuda``.
        compiled: Whether the step is compiled; worth it on long runs.
        threads: PyTorch's threads on the CPU; the last digits depend on their number.
    """

    model: ModelConfig
    pretraining: Pretraining
    seed: int = 0
    device: str = "cpu"
    compiled: bool = False
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One line of the learning curve.

    Attributes:
        number: Counted from 1 over all stages.
        part: Which pass over which stage, as "round 1, stage 1 (head), iteration 1".
        learning_rate: At the end of the epoch.
        training_loss: Mean over the epoch, of augmented images.
        validation_loss: Mean cross-entropy on the validation images.
        validation_accuracy: Share of them classified rightly, 0..1.
        best: Whether its weights were kept.
    """

    number: int
    part: str
    learning_rate: float
    training_loss: float
    validation_loss: float
    validation_accuracy: float
    best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretrained:
    """What a pretraining made.

    Attributes:
        state: The best epoch's weights and statistics, by their names in the model.
        epochs: The learning curve.
        validation: Indices of the validation images.
        scores: Class probabilities of these with the best weights, ``(images, classes)``.
        seconds: Wall time of all epochs, over all sessions.
    """

    state: dict[str, Tensor]
    epochs: tuple[Epoch, ...]
    validation: IntArray
    scores: FloatArray
    seconds: float


def begun(checkpoint: Path) -> PretrainSpec | None:
    """Read the specification that a checkpoint was begun with; None without a checkpoint.

    Raises:
        DataError: The file is no checkpoint of a pretraining.
    """
    if not checkpoint.is_file():
        return None
    table, _ = json.JSONDecoder().raw_decode(read_checkpoint(checkpoint, "cpu")["question"])
    return PretrainSpec.model_validate(table)


def all_stages_of(pretraining: Pretraining) -> list[tuple[str, Stage]]:
    """List every stage in order, repeated by rounds and iterations, with its name."""
    return [
        (f"round {round_}, stage {number} ({stage.trainable}), iteration {iteration}", stage)
        for round_ in range(1, pretraining.rounds + 1)
        for number, stage in enumerate(pretraining.stages, start=1)
        for iteration in range(1, stage.iterations + 1)
    ]


def fresh_network(spec: PretrainSpec, image_set: ImageSet) -> nn.Module:
    """Build the model of a specification for these images, its weights drawn from the seed."""
    parameters = spec.model.parameters | spec.pretraining.model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(spec.seed, "pretraining weights"))
        return create_model(
            spec.model.name,
            in_channels=image_set.images.shape[1],
            num_classes=image_set.num_classes,
            size=spec.pretraining.size,
            **parameters,
        )


def read_checkpoint(path: Path, device: str) -> dict[str, Any]:
    """Read what `openmer.pretraining._loop.pretrain` keeps after each epoch."""
    with reading_file(path, "a checkpoint", "Delete it to begin again."):
        record: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    if not isinstance(record, dict) or not set(record) >= _KEYS:
        raise DataError(
            f"{path} is no checkpoint of a pretraining. Give another folder with --out."
        )
    return record
