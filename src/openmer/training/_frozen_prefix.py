"""Where a network is cut: what stands before runs once per row, what follows in every step.

A training that begins with stored weights and holds the first parts of the network still would
compute the same maps in every epoch of every fold. They are computed once, for all jobs.
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
class Cut:
    """A place in a network.

    Attributes:
        parts: How many of the parts that ``model.chain()`` lists stand before it; -1 for all that
            stands before the head.
    """

    parts: int

    def before(self, model: nn.Module) -> Callable[[Tensor], Tensor]:
        """From inputs to what stands at the cut."""
        if self.parts < 0:
            return cast(Callable[[Tensor], Tensor], model.features)
        return nn.Sequential(*(part for _, part in _chain(model)[: self.parts]))

    def after(self, model: nn.Module) -> Callable[[Tensor], Tensor]:
        """From what stands at the cut to what the head reads."""
        if self.parts < 0:
            return nn.Identity()
        return nn.Sequential(*(part for _, part in _chain(model)[self.parts :]))

    def holds(self, model: nn.Module, stage: Stage) -> bool:
        """Whether all that stands before the cut holds still in a stage."""
        if stage.trainable == "head":
            return True
        if self.parts < 0:
            return False
        return _frozen_parts(_chain(model), stage.frozen) >= self.parts


def cut_of(model: nn.Module, config: ModelConfig, first: Stage | None) -> Cut | None:
    """Where a training may be cut whose first stage is given; None where it may not.

    Nothing is gained before a part with weights stands before the cut, and nothing is shared
    unless all weights before it are stored ones.

    Args:
        model: The model.
        config: Which weights it starts from.
        first: The first stage; None where no weight ever moves.
    """
    if not config.weights:
        return None
    if first is None or first.trainable == "head":
        whole = not config.loaded or _all_loaded(model, config.loaded)
        return Cut(-1) if whole and callable(getattr(model, "features", None)) else None
    parts = _chain(model)
    n_frozen = _frozen_parts(parts, first.frozen)
    if config.loaded:
        n_frozen = min(n_frozen, _frozen_parts(parts, config.loaded))
    return Cut(n_frozen) if any(_weights(part) for _, part in parts[:n_frozen]) else None


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
