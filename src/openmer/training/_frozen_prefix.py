"""The frozen prefix of a network: it runs once per sample, the other parts run in every step.

If a training starts from stored weights and the first parts of the network are frozen, their maps
are the same in every epoch of every fold. They are computed once for all folds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from openmer.models import without_head
from openmer.training._config import ModelConfig, Stage

Parts = list[tuple[str, nn.Module]]


@dataclass(frozen=True, slots=True)
class FrozenPrefix:
    """The first parts of a network.

    Attributes:
        parts: How many of the parts that ``model.chain()`` lists; -1 for all before the head.
    """

    parts: int

    def first_parts(self, model: nn.Module) -> Callable[[Tensor], Tensor]:
        """Return the prefix: from inputs to its maps."""
        if self.parts < 0:
            return cast(Callable[[Tensor], Tensor], model.features)
        return nn.Sequential(*(part for _, part in _chain(model)[: self.parts]))

    def other_parts(self, model: nn.Module) -> Callable[[Tensor], Tensor]:
        """Return the other parts: from the maps of the prefix to the input of the head."""
        if self.parts < 0:
            return nn.Identity()
        return nn.Sequential(*(part for _, part in _chain(model)[self.parts :]))

    def is_frozen(self, model: nn.Module, stage: Stage) -> bool:
        """Return whether the whole prefix is frozen in a stage."""
        if stage.trainable == "head":
            return True
        if self.parts < 0:
            return False
        return _frozen_parts(_chain(model), stage.frozen) >= self.parts


def find_frozen_prefix(
    model: nn.Module, config: ModelConfig, first: Stage | None
) -> FrozenPrefix | None:
    """Find the frozen prefix of a training; None if there is none.

    A prefix has at least one part with weights, and all of its weights are stored ones.

    Args:
        model: The model.
        config: Which weights it starts from.
        first: The first stage; None if nothing is trained.
    """
    if not config.weights:
        return None
    if first is None or first.trainable == "head":
        whole = not config.loaded or _all_loaded(model, config.loaded)
        return FrozenPrefix(-1) if whole and callable(getattr(model, "features", None)) else None
    parts = _chain(model)
    n_frozen = _frozen_parts(parts, first.frozen)
    if config.loaded:
        n_frozen = min(n_frozen, _frozen_parts(parts, config.loaded))
    return FrozenPrefix(n_frozen) if any(_weights(part) for _, part in parts[:n_frozen]) else None


def _all_loaded(model: nn.Module, loaded: tuple[str, ...]) -> bool:
    names = without_head(model.state_dict())
    return all(name.startswith(tuple(f"{part}." for part in loaded)) for name in names)


def _chain(model: nn.Module) -> Parts:
    """List the parts that maps pass one after another, from the input to the head's input."""
    chain = getattr(model, "chain", None)
    return cast(Callable[[], Parts], chain)() if callable(chain) else []


def _frozen_parts(parts: Parts, held: tuple[str, ...]) -> int:
    """How many of the first parts have no weight, or lie in one of those that are held."""
    for count, (name, part) in enumerate(parts):
        inside = any(name == other or name.startswith(f"{other}.") for other in held)
        if _weights(part) and not inside:
            return count
    return len(parts)


def _weights(part: nn.Module) -> int:
    return sum(1 for _ in part.parameters())
