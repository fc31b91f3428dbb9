"""The list of models: a dictionary from name to class, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from openmer.errors import ConfigError
from openmer.registry import Registry

_MODELS: Registry[Callable[..., nn.Module]] = Registry("model", "openmer.models")


def register_model(name: str) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Class decorator: list a model under `name` (the paper's, lower case, underscores)."""

    def add(build: type[nn.Module]) -> type[nn.Module]:
        _MODELS.add(name, build)
        return build

    return add


def create_model(name: str, **hyperparameters: object) -> nn.Module:
    """Build a model with random weights drawn from PyTorch's global generator.

    Args:
        name: One of `list_models()`.
        **hyperparameters: Keyword arguments of the model; every model takes ``in_channels``,
            ``num_classes`` and ``size`` (input height and width in pixels).

    Raises:
        ConfigError: No such model (the nearest name is given), or it takes no such argument.
    """
    build = builder_of(name)
    try:
        return build(**hyperparameters)
    except TypeError as error:
        raise ConfigError(f"Model {name!r} cannot be made like this: {error}.") from error


def builder_of(name: str) -> Callable[..., nn.Module]:
    """Return the builder of a model, to hand to a process that may not know it.

    Raises:
        ConfigError: No such model; the nearest name is given.
    """
    return _MODELS[name]


def ensure_registered(name: str, build: Callable[..., nn.Module]) -> None:
    """List a model where it is not listed yet, as in a worker process."""
    if name not in _MODELS:
        _MODELS.add(name, build)


def list_models() -> list[str]:
    """Names of all models, sorted."""
    return _MODELS.names()
