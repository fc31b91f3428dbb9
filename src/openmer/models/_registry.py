"""The list of models: a dictionary from name to class, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from openmer.errors import ConfigError, unknown_name

_MODELS: dict[str, Callable[..., nn.Module]] = {}


def register(name: str) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Class decorator: list a model under `name` (the paper's, lower case, underscores)."""

    def add(build: type[nn.Module]) -> type[nn.Module]:
        if name in _MODELS:
            raise ValueError(f"Model name {name!r} is taken by {_MODELS[name]}; choose another.")
        _MODELS[name] = build
        return build

    return add


def create_model(name: str, **hyperparameters: object) -> nn.Module:
    """A fresh model with random weights drawn from PyTorch's global generator.

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
    """What makes a model, to hand to a process that may not know it.

    Raises:
        ConfigError: No such model; the nearest name is given.
    """
    if name not in _MODELS:
        raise unknown_name("model", name, _MODELS)
    return _MODELS[name]


def ensure_registered(name: str, build: Callable[..., nn.Module]) -> None:
    """List a model where it is not listed yet, as in a worker process."""
    _MODELS.setdefault(name, build)


def list_models() -> list[str]:
    """Names of all models, sorted."""
    return sorted(_MODELS)
