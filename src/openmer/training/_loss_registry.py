"""List the losses by name, without importing PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import AfterValidator

from openmer.errors import unknown_name
from openmer.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from openmer.training._config import LossConfig

Loss = Callable[["Tensor", "Tensor", "LossConfig"], "Tensor"]
L = TypeVar("L", bound=Loss)

LOSSES: Registry[Loss] = Registry("loss", "openmer.training.losses")


def register_loss(name: str) -> Callable[[L], L]:
    """Return a decorator that registers a loss under a name.

    Args:
        name: How a method file calls it, in ``[loss]``.

    Returns:
        The decorator. The function takes logits ``(clips, classes)``, class indices ``(clips,)``
        and `openmer.training.LossConfig`, and returns one number per clip, never negative, before
        class weights.

    Raises:
        ValueError: The name is taken.

    Example:
        @openmer.register_loss("one_minus_p")
        def one_minus_p(logits, targets, loss):
            return 1 - logits.softmax(dim=1).gather(1, targets[:, None])[:, 0]
    """
    return LOSSES.decorator(name)


def list_losses() -> list[str]:
    """List the names of all losses, sorted."""
    return LOSSES.names()


def _known(name: str) -> str:
    if name not in OWN_LOSSES and name not in LOSSES:
        raise ValueError(str(unknown_name("loss", name, LOSSES)))
    return name


OWN_LOSSES = ("cross_entropy", "focal")  # known without importing PyTorch
LossName = Annotated[str, AfterValidator(_known)]
