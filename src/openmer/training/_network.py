"""A network to train: which one, on what shape of input, and the state of one fresh copy."""

from __future__ import annotations

import hashlib
import inspect
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from openmer.augmentation import Planes
from openmer.config import Record
from openmer.errors import ConfigError, unknown_name
from openmer.models import create_model, stored_backbone
from openmer.training._config import (
    ActionUnitConfig,
    LossConfig,
    ModelConfig,
    NetworkTraining,
    Stage,
)
from openmer.training._folds import FitJob, FloatArray, TrainingData, digest
from openmer.training._frozen_prefix import FrozenPrefix, find_frozen_prefix
from openmer.training._layers import Standardize
from openmer.training._sampling import Rows
from openmer.training._seeding import derive_seed


class NetworkSpec(Record):
    """Everything that decides how one network is made and trained, but not on which fold.

    Attributes:
        model: The model and its hyperparameters.
        loss: Loss of one clip.
        training: Budget, optimiser and batches.
        num_classes: Number of classes.
        input_shape: ``(channels, height, width)`` of one clip.
        planes: What the channels are; None where nobody needs to know.
        units: Action units that have outputs behind those of the classes; None for none.
    """

    model: ModelConfig
    loss: LossConfig
    training: NetworkTraining
    num_classes: int
    input_shape: tuple[int, int, int]
    planes: Planes | None = None
    units: ActionUnitConfig | None = None

    @property
    def outputs(self) -> int:
        """How many numbers the network gives."""
        return self.num_classes + (len(self.units.units) if self.units else 0)


def build_network(spec: NetworkSpec, seed: int) -> nn.Sequential:
    """Build a network with weights drawn from `seed`; leave the caller's random state alone."""
    channels, height, _ = spec.input_shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = create_model(
            spec.model.name,
            in_channels=channels,
            num_classes=spec.outputs,
            size=height,
            **spec.model.parameters,
        )
    standardize = Standardize(spec.input_shape) if spec.training.standardize else nn.Identity()
    return nn.Sequential(standardize, model)


def pretrained_network(spec: NetworkSpec, seed: int = 0) -> nn.Sequential:
    """Build a network with the stored weights that its model names, and a new head.

    Raises:
        ConfigError: The stored weights are of another model.
    """
    network = build_network(spec, seed)
    if spec.model.weights:
        stored = stored_backbone(network[1], spec.model.weights)
        network[1].load_state_dict(_loaded(network[1], stored, spec.model.loaded), strict=False)
    return network


def _loaded(
    model: nn.Module, stored: dict[str, Tensor], parts: tuple[str, ...]
) -> dict[str, Tensor]:
    """Of stored weights those that a method takes."""
    if not parts:
        return stored
    for part in parts:
        named_part(model, part)
    inside = tuple(f"{part}." for part in parts)
    return {name: value for name, value in stored.items() if name.startswith(inside)}


def named_part(model: nn.Module, name: str) -> nn.Module:
    """Return the part of a model that a method names.

    Raises:
        ConfigError: It has no such part; the nearest name is given.
    """
    try:
        return model.get_submodule(name)
    except AttributeError:
        names = [known for known, _ in model.named_modules() if known]
        raise unknown_name(f"part of {type(model).__name__} called", name, names) from None


def fresh_state(spec: NetworkSpec, job: FitJob, data: TrainingData) -> dict[str, Tensor]:
    """Compute the first state of one job: weights of its seed, scaling by its own clips.

    Where the model names stored weights they take the place of all but the head's.

    Raises:
        ConfigError: The stored weights are of another model.
    """
    network = pretrained_network(spec, derive_seed(job.seed, job.subject_id, "weights"))
    if spec.training.standardize:
        mean, spread = _mean_and_spread(data, job)
        network[0].get_buffer("mean").copy_(torch.from_numpy(mean))
        network[0].get_buffer("spread").copy_(torch.from_numpy(spread))
    carried = {n: torch.tensor(v) for n, v in (job.start or {}).items() if n.startswith("1.")}
    return {n: value.detach() for n, value in (network.state_dict() | carried).items()}


def let_move(network: nn.Module, model: nn.Module, stage: Stage) -> list[str]:
    """Ask for gradients of what moves in a stage, and of nothing else.

    Args:
        network: The model, or what it is a part of.
        model: Whose parts the stage names.
        stage: What moves.

    Returns:
        Names in the network's ``state_dict`` of all that a step may change, batch statistics
        included.

    Raises:
        ConfigError: The stage trains the head alone, and the model has no part of that name; or it
            names a part that the model has not.
    """
    trained, frozen = _trained_and_frozen(network, model, stage)
    network.requires_grad_(False)
    trained.requires_grad_(True)
    for part in frozen:
        part.requires_grad_(False)
    changing = _identities(trained).difference(*map(_identities, frozen))
    state = network.state_dict(keep_vars=True)
    return [name for name, value in state.items() if id(value) in changing]


def set_learning(network: nn.Module, model: nn.Module, stage: Stage) -> None:
    """Training mode of what moves in a stage, evaluation mode of the rest."""
    trained, frozen = _trained_and_frozen(network, model, stage)
    network.eval()
    trained.train()
    for part in frozen:
        part.eval()


def _trained_and_frozen(
    network: nn.Module, model: nn.Module, stage: Stage
) -> tuple[nn.Module, list[nn.Module]]:
    """Return the part that a stage trains, and the frozen parts inside of it."""
    if stage.trainable == "all":
        return network, [named_part(model, name) for name in stage.frozen]
    head = getattr(model, "head", None)
    if not isinstance(head, nn.Module):
        raise ConfigError(
            f"A stage trains the head alone, but {type(model).__name__} has no part named 'head'. "
            'Set trainable = "all".'
        )
    return head, []


def features_of(network: nn.Module, inputs: Tensor) -> Tensor:
    """Compute the input of the head of a network, shape ``(batch, features)``.

    Raises:
        ConfigError: Its model does not tell it from the rest.
    """
    standardize, model = network.children()
    features = getattr(model, "features", None)
    if not callable(features):
        raise ConfigError(
            f"A classifier is to read features, but {type(model).__name__} has no method "
            "'features'. Leave training.classifier out."
        )
    found: Tensor = features(standardize(inputs))
    return found


def _identities(part: nn.Module) -> set[int]:
    return {id(value) for value in part.state_dict(keep_vars=True).values()}


def kernel_names(network: nn.Module) -> set[str]:
    """Names of the weights of convolutions and linear layers, without their biases."""
    kinds = (nn.modules.conv._ConvNd, nn.Linear)
    return {f"{n}.weight" for n, part in network.named_modules() if isinstance(part, kinds)}


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
    prefix = frozen_prefix_of(spec)
    stages = spec.training.all_stages
    return prefix is not None and all(stage.trainable == "head" for stage in stages)


def frozen_prefix_of(spec: NetworkSpec) -> FrozenPrefix | None:
    """Find the frozen prefix of a training, whose maps all folds share.

    Raises:
        ConfigError: There is one, but clips are perturbed, which changes its maps.
    """
    if not spec.model.weights or spec.training.standardize:
        return None
    first = next(iter(spec.training.all_stages), None)
    prefix = find_frozen_prefix(build_network(spec, seed=0)[1], spec.model, first)
    if prefix and spec.training.perturb and spec.training.perturb.every:
        raise ConfigError(
            "training.perturb changes clips again each time, but the first parts of the network "
            "start from stored weights and are frozen, so that their features are computed once. "
            "Leave training.perturb out, or train all parts from the first stage on."
        )
    return prefix


@torch.no_grad()
def shared_features(
    spec: NetworkSpec, data: TrainingData, device: str, batch: int = 64
) -> FloatArray | None:
    """Compute the features of every row from the first, frozen parts that all jobs share.

    Features that `data.store` holds are taken from there: its names say which weights, and which
    values of which rows, they were made of.

    Returns:
        float32, shape ``(rows, ...)``; None where there is nothing to share.
    """
    prefix = frozen_prefix_of(spec)
    if prefix is None:
        return None
    model = pretrained_network(spec)[1].eval().to(device)
    rows, before = Rows(data, spec.training, device, spec.planes), prefix.first_parts(model)
    parts = [
        torch.arange(start, min(start + batch, len(rows)), device=device)
        for start in range(0, len(rows), batch)
    ]

    def computed() -> FloatArray:
        return np.concatenate([before(rows.take(part)).cpu().numpy() for part in parts])

    code = _code_of(model)
    if data.store is None or not code:
        return computed()
    state = hashlib.sha256(f"{spec.model.name} {dict(spec.model.parameters)} {prefix}".encode())
    state.update(f"{code} {batch} {device} {torch.get_num_threads()}".encode())
    state.update(digest({k: v.cpu().numpy() for k, v in model.state_dict().items()}).encode())
    for part in parts:
        state.update(rows.take(part).cpu().numpy().tobytes())
    key = state.hexdigest()
    kept = data.store.load(key)
    if kept is None:
        kept = computed()
        data.store.save(key, kept)
    return kept


def _code_of(model: nn.Module) -> str:
    """Name the code that computes features: its file and versions; "" where there is no file."""
    try:
        content = Path(inspect.getfile(type(model))).read_bytes()
    except (OSError, TypeError):  # made in a notebook, for one
        return ""
    versions = (version("openmer"), torch.__version__, version("timm"))
    return " ".join([*versions, hashlib.sha256(content).hexdigest()])


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
