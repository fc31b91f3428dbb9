"""Adam, AdamW and SGD: PyTorch's for one model, and for stacked weights one with own step counts.

PyTorch's optimisers share one count per tensor. Stacked models may skip a step (their fold has
fewer batches, or they stopped early), and Adam's bias correction must not move for those.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from openmer.training._config import NetworkTraining, Pretraining
from openmer.training._network import kernel_names

_BETAS = (0.9, 0.999)
_EPS = 1e-8


class FusedOptimizer:
    """Adam, AdamW and SGD of PyTorch over all parameters that need a gradient, in fused steps.

    Its functions are called, not its classes: these load the compiler of PyTorch at the first
    step, which costs each process that trains seconds and 100 MB.

    Args:
        network: Whose weights.
        training: Rule, momentum, and which weights decay.
        learning_rate: Step size.

    Attributes:
        rate: The present step size.
        state: What is remembered of the steps so far, by the place of each parameter.
    """

    def __init__(
        self, network: nn.Module, training: NetworkTraining | Pretraining, learning_rate: float
    ) -> None:
        self._rule, self._momentum = training.optimizer, training.momentum
        self._groups = _groups(network, training)
        self.rate = learning_rate
        self.state: dict[int, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for own, _ in self._groups:
            for weight in own.values():
                weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move the weights that have a gradient."""
        update = self._slide if self._rule == "sgd" else self._adapt
        for own, decay in self._groups:
            moving = {place: weight for place, weight in own.items() if weight.grad is not None}
            gradients = [weight.grad for weight in own.values() if weight.grad is not None]
            update(moving, gradients, decay)

    def _adapt(self, moving: dict[int, Tensor], gradients: list[Tensor], decay: float) -> None:
        for place, weight in moving.items():
            if place not in self.state:
                self.state[place] = {
                    "step": torch.zeros((), device=weight.device),
                    "exp_avg": torch.zeros_like(weight),
                    "exp_avg_sq": torch.zeros_like(weight),
                }
        first, second, steps = (
            [self.state[place][name] for place in moving]
            for name in ("exp_avg", "exp_avg_sq", "step")
        )
        adam(
            [*moving.values()], gradients, first, second, [], steps, fused=True, amsgrad=False,
            decoupled_weight_decay=self._rule == "adamw", beta1=_BETAS[0], beta2=_BETAS[1],
            lr=self.rate, weight_decay=decay, eps=_EPS, maximize=False,
        )  # fmt: skip

    def _slide(self, moving: dict[int, Tensor], gradients: list[Tensor], decay: float) -> None:
        velocities = [self.state.get(place, {}).get("momentum_buffer") for place in moving]
        sgd(
            [*moving.values()], gradients, velocities, fused=True, momentum=self._momentum,
            lr=self.rate, weight_decay=decay, dampening=0, nesterov=False, maximize=False,
        )  # fmt: skip
        for place, velocity in zip(moving, velocities, strict=True):
            if velocity is not None:
                self.state[place] = {"momentum_buffer": velocity}


def decaying(network: nn.Module, training: NetworkTraining | Pretraining) -> set[str]:
    """Names of the weights that a training lets decay."""
    if training.decayed == "all":
        return {name for name, _ in network.named_parameters()}
    return kernel_names(network)


def _groups(
    network: nn.Module, training: NetworkTraining | Pretraining
) -> list[tuple[dict[int, Tensor], float]]:
    """Group the trainable parameters by how fast they decay, each with its place."""
    moving = {name: own for name, own in network.named_parameters() if own.requires_grad}
    shrinks = decaying(network, training)
    slow = [own for name, own in moving.items() if name in shrinks]
    free = [own for name, own in moving.items() if name not in shrinks]
    return [
        (dict(enumerate(slow)), training.weight_decay),
        (dict(enumerate(free, len(slow))), 0.0),
    ]


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
