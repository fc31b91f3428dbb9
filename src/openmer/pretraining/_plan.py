"""How a pretraining runs on the machine at hand, and the weights that it begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from joblib import cpu_count
from torch import Tensor

from openmer.errors import ConfigError
from openmer.models import stored_backbone
from openmer.pretraining._images import ImageSet
from openmer.pretraining._spec import PretrainSpec, all_stages_of, begun, fresh_network
from openmer.training import Record, compiler_at_hand, forward_flops, has_depthwise

# From about half an hour on one core, a compiled step earns back the minutes it takes to make.
COMPILE_FROM_FLOPS = 3e13


class PretrainResources(Record):
    """What a pretraining may use.

    Attributes:
        device: ``auto`` takes CUDA where there is one.
        threads: PyTorch's threads on the CPU; 0 means one per core.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 0


def plan_pretraining(
    spec: PretrainSpec, image_set: ImageSet, resources: PretrainResources, checkpoint: Path
) -> PretrainSpec:
    """Choose device, threads and compilation for a specification.

    What was decided for a checkpoint stays, unless `resources` asks for something else by name.
    """
    before = begun(checkpoint)
    device: str = resources.device
    if device == "auto":
        device = before.device if before else "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "This pretraining asks for CUDA, but PyTorch sees no CUDA device here. Use --device "
            "cpu with another --out, or check the driver with nvidia-smi."
        )
    threads = resources.threads or (before.threads if before else cpu_count())
    if before is not None:
        compiled = before.compiled
    else:
        worth = not has_depthwise(fresh_network(spec, image_set))  # which train no faster compiled
        worth = worth and pretraining_flops(spec, image_set) >= COMPILE_FROM_FLOPS
        compiled = device == "cpu" and worth and compiler_at_hand()
    if compiled and not compiler_at_hand():
        raise ConfigError(
            f"The pretraining of {checkpoint} was begun with compiled steps, but there is no C++ "
            "compiler any more. Install one, or begin again with another --out."
        )
    changes = {"device": device, "threads": threads, "compiled": compiled}
    return spec.model_copy(update=changes)


def pretraining_flops(spec: PretrainSpec, image_set: ImageSet) -> float:
    """Floating-point operations at most: forward, and twice as much backward where all moves."""
    size = spec.pretraining.size
    once = forward_flops(fresh_network(spec, image_set), (image_set.images.shape[1], size, size))
    rounds = 0.0
    for _, stage in all_stages_of(spec.pretraining):
        share = ((stage.size or size) / size) ** 2  # they grow with the area
        rounds += share * stage.epochs * (3 if stage.trainable == "all" else 1)
    return rounds * len(image_set.images) * once


def start_state(spec: PretrainSpec, image_set: ImageSet) -> dict[str, Tensor]:
    """Load the weights that `Pretraining.start` names, by their names in the model, without head.

    Raises:
        ConfigError: The model has no ImageNet weights, or the file is of another model.
        DataError: The weights are not at hand.
    """
    start = spec.pretraining.start
    if start == "scratch":
        return {}
    return stored_backbone(fresh_network(spec, image_set), start)
