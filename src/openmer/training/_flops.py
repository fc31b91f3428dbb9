"""Count the floating-point operations of a network, and of a training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from openmer.training._folds import FitJob
from openmer.training._network import NetworkSpec, build_network


def training_flops(spec: NetworkSpec, jobs: list[FitJob]) -> float:
    """Floating-point operations of a training: forward, and twice as much backward.

    Of stages that train the head alone nothing is counted: their backbone runs once, not per epoch.
    """
    once = forward_flops(build_network(spec, seed=0), spec.input_shape)
    epochs = sum(stage.epochs for stage in spec.training.all_stages if stage.trainable == "all")
    clips = float(np.sum([len(job.train) for job in jobs])) * epochs
    return 3.0 * clips * once


def forward_flops(network: nn.Module, input_shape: tuple[int, int, int]) -> int:
    """Floating-point operations of one input, of convolutions and matrix products.

    Args:
        network: Left in evaluation mode.
        input_shape: ``(channels, height, width)``.
    """
    return flops_of_modules(network, input_shape)[""]


def flops_of_modules(network: nn.Module, input_shape: tuple[int, int, int]) -> dict[str, int]:
    """As `forward_flops`, for each module by its name; the whole network has the name "".

    Args:
        network: Left in evaluation mode.
        input_shape: ``(channels, height, width)``.
    """
    network.eval()
    counter = _FlopCounter()
    hooks = [
        hook
        for name, module in network.named_modules()
        for hook in (
            module.register_forward_pre_hook(lambda *_, name=name: counter.inside.append(name)),
            module.register_forward_hook(lambda *_: counter.leave()),
        )
    ]
    try:
        with torch.no_grad(), counter:
            network(torch.zeros(1, *input_shape))
    finally:
        for hook in hooks:
            hook.remove()
    return {name: counter.counts[name] for name, _ in network.named_modules()}


class _FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Add up what each operation costs, for the module it runs in and for all that hold it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.inside: list[str] = []  # names of the modules that run, the innermost last
        self.counts: Counter[str] = Counter()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep PyTorch's compiler out: to load it takes longer than most trainings here."""
        return False

    def leave(self) -> None:
        """Go back to the module that called this one."""
        self.inside.pop()

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload[..., object],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        """Run an operation and count it, or the operations that it is made of."""
        named = kwargs or {}
        with self:
            parts = func.decompose(*args, **named)
        if parts is not NotImplemented:
            return parts
        result = func(*args, **named)
        count = flop_registry.get(func._overloadpacket)
        if count:
            flops = int(count(*args, **named, out_val=result))
            for holder in _holders(self.inside[-1] if self.inside else ""):
                self.counts[holder] += flops
        return result


def _holders(name: str) -> list[str]:
    """Return the module's own name and those of all that hold it, the network's "" at last."""
    parts = name.split(".") if name else []
    return [".".join(parts[:n]) for n in range(len(parts), -1, -1)]
