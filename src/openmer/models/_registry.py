"""The list of models: a dictionary from name to class, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from openmer.errors import ConfigError
from openmer.registry import Registry

_MODELS: Registry[Callable[..., nn.Module]] = Registry("model", "openmer.models")
_TIMM = "timm/"  # before the name of any model of timm


def register_model(name: str) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Return a decorator that lists a class of models under a name.

    Args:
        name: The paper's, in lower case, with underscores.

    Returns:
        The decorator. The class is a `torch.nn.Module` with the keyword arguments ``in_channels``,
        ``num_classes`` and ``size``, from inputs ``(batch, in_channels, size, size)`` to logits
        ``(batch, num_classes)``.

    Raises:
        ValueError: The name is taken.

    Example:
        @openmer.register_model("tiny_net")
        class TinyNet(torch.nn.Module):
            def __init__(self, *, in_channels=3, num_classes=3, size=28):
                super().__init__()
                self.head = torch.nn.Linear(in_channels, num_classes)

            def forward(self, flow):
                return self.head(flow.mean(dim=(-2, -1)))
    """
    return _MODELS.decorator(name)


def create_model(name: str, **hyperparameters: object) -> nn.Module:
    """Build a model with random weights drawn from PyTorch's global generator.

    Args:
        name: One of `list_models()`, or any model of timm, as in ``timm/convnext_atto``.
        **hyperparameters: Keyword arguments of the model; every model takes ``in_channels``,
            ``num_classes`` and ``size`` (input height and width in pixels).

    Returns:
        The network, in training mode.

    Raises:
        ConfigError: No such model (the nearest name is given), or it takes no such argument.

    Example:
        network = openmer.create_model("ststnet", in_channels=3, num_classes=3, size=28)
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
    if name.startswith(_TIMM) and name not in _MODELS:
        from openmer.models._timm import NamedBackbone

        return partial(NamedBackbone, name.removeprefix(_TIMM))
    return _MODELS[name]


def ensure_registered(name: str, build: Callable[..., nn.Module]) -> None:
    """List a model where it is not listed yet, as in a worker process."""
    if not name.startswith(_TIMM):
        _MODELS.keep(name, build)


def list_models() -> list[str]:
    """Names of all models, sorted.

    Returns:
        Names that `create_model` and a method file take.

    Example:
        print(openmer.list_models())
    """
    return _MODELS.names()
