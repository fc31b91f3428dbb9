"""Adam, AdamW and SGD: PyTorch's for one model, and for stacked weights one with own step counts.

PyTorch's optimisers share one count per tensor. Stacked models may skip a step (their fold has
fewer batches, or they stopped early), and Adam's bias correction must not move for those.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from openmer.training._config import NetworkTraining, Pretraining
from openmer.training._network import kernel_names

_BETAS = (0.9, 0.999)
_EPS = 1e-8


def make_optimizer(
    network: nn.Module, training: NetworkTraining | Pretraining, learning_rate: float
) -> torch.optim.Optimizer:
    """Build a fused optimiser of PyTorch over all parameters that need a gradient.

    Args:
        network: Whose weights.
        training: Rule, momentum, and which weights decay.
        learning_rate: Step size.
    """
    own, decay = _groups(network, training), training.weight_decay
    match training.optimizer:
        case "adam":
            return torch.optim.Adam(own, lr=learning_rate, weight_decay=decay, fused=True)
        case "adamw":
            return torch.optim.AdamW(own, lr=learning_rate, weight_decay=decay, fused=True)
        case "sgd":
            return torch.optim.SGD(
                own,
                lr=learning_rate,
                momentum=training.momentum,
                weight_decay=decay,
                fused=True,
            )


def decaying(network: nn.Module, training: NetworkTraining | Pretraining) -> set[str]:
    """Names of the weights that a training lets decay."""
    if training.decayed == "all":
        return {name for name, _ in network.named_parameters()}
    return kernel_names(network)


def _groups(network: nn.Module, training: NetworkTraining | Pretraining) -> list[dict[str, Any]]:
    """Group the trainable parameters by whether they decay."""
    moving = {name: own for name, own in network.named_parameters() if own.requires_grad}
    shrinks = decaying(network, training)
    groups: list[dict[str, Any]] = [
        {"params": [own for name, own in moving.items() if name in shrinks]},
        {"params": [own for name, own in moving.items() if name not in shrinks], "weight_decay": 0},
    ]
    return [group for group in groups if group["params"]]


class StackedOptimizer:
    """The update rules of ``torch.optim`` with their defaults, per model of a stack.

    Args:
        parameters: Stacked weights by name, each ``(models, ...)``; updated in place by `step`.
        training: Rule, momentum and weight decay.
        learning_rate: Step size.
        decaying: Names of the weights that decay.

    Attributes:
        rates: The step size of each model, shape ``(models,)``.
    """

    def __init__(
        self,
        parameters: dict[str, Tensor],
        training: NetworkTraining,
        learning_rate: float,
        decaying: set[str],
    ) -> None:
        self._training, self._decaying = training, decaying
        first = next(iter(parameters.values()))
        self.rates = torch.full((len(first),), learning_rate, device=first.device)
        self._steps = torch.zeros(len(first), device=first.device)
        self._first = {name: torch.zeros_like(weight) for name, weight in parameters.items()}
        self._second = {name: torch.zeros_like(weight) for name, weight in parameters.items()}

    @torch.no_grad()
    def step(
        self, parameters: dict[str, Tensor], gradients: dict[str, Tensor], active: Tensor
    ) -> None:
        """Update the models that `active` ``(models,)`` marks; nothing of the others changes."""
        self._steps += active
        for name, weight in parameters.items():
            mask = active.view(-1, *[1] * (weight.dim() - 1))
            steps = self._steps.clamp_min(1).view_as(mask)
            change = self._change(name, weight, gradients[name], mask, steps)
            weight.sub_(torch.where(mask, change, 0.0))

    def _change(
        self, name: str, weight: Tensor, gradient: Tensor, mask: Tensor, steps: Tensor
    ) -> Tensor:
        rule, rate = self._training.optimizer, self.rates.view_as(mask)
        decay = self._training.weight_decay if name in self._decaying else 0.0
        if rule == "sgd":
            return rate * self._velocity(name, gradient + decay * weight, mask, steps)
        if rule == "adam":
            return rate * self._direction(name, gradient + decay * weight, mask, steps)
        return rate * (self._direction(name, gradient, mask, steps) + decay * weight)

    def _direction(self, name: str, gradient: Tensor, mask: Tensor, steps: Tensor) -> Tensor:
        """Adam's step of unit rate: the mean gradient over its root mean square, unbiased."""
        first = _moved(self._first[name], gradient, _BETAS[0], mask)
        second = _moved(self._second[name], gradient.square(), _BETAS[1], mask)
        spread = (second / (1 - _BETAS[1] ** steps)).sqrt() + _EPS
        return first / (1 - _BETAS[0] ** steps) / spread

    def _velocity(self, name: str, gradient: Tensor, mask: Tensor, steps: Tensor) -> Tensor:
        """Momentum as PyTorch has it: the first step's velocity is the gradient itself."""
        if self._training.momentum == 0:
            return gradient
        velocity = self._first[name]
        moved = torch.where(steps == 1, gradient, self._training.momentum * velocity + gradient)
        return velocity.copy_(torch.where(mask, moved, velocity))


def _moved(mean: Tensor, value: Tensor, beta: float, mask: Tensor) -> Tensor:
    """Move a running mean towards a value, in place, where the mask is set."""
    return mean.copy_(torch.where(mask, torch.lerp(mean, value, 1 - beta), mean))
