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

    A loss is a function of the logits ``(clips, classes)``, the class indices ``(clips,)`` and the
    `LossConfig`; it returns one number per clip, never negative, before class weights.
    """

    def add(loss: L) -> L:
        LOSSES.add(name, loss)
        return loss

    return add


def list_losses() -> list[str]:
    """List the names of all losses, sorted."""
    return LOSSES.names()


def _known(name: str) -> str:
    if name not in OWN_LOSSES and name not in LOSSES:
        raise ValueError(str(unknown_name("loss", name, LOSSES)))
    return name


OWN_LOSSES = ("cross_entropy", "focal")  # known without importing PyTorch
LossName = Annotated[str, AfterValidator(_known)]
