"""K models as one: every weight carries a leading model axis and one step trains them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from openmer.training._adapt import key_dropouts, weight_batch_norms
from openmer.training._config import Stage
from openmer.training._folds import FitJob, FloatArray, IntArray, TrainingData
from openmer.training._frozen_prefix import FrozenPrefix
from openmer.training._losses import head_penalty, loss_function
from openmer.training._network import (
    NetworkSpec,
    build_network,
    features_of,
    fresh_state,
    frozen_prefix_of,
    let_move,
    penalised_weight,
    set_learning,
)
from openmer.training._optimizers import StackedOptimizer, decaying
from openmer.training._perturb import Perturbation
from openmer.training._sampling import Rows
from openmer.training._seeding import dropout_key
from openmer.training._targets import (
    LossWeights,
    Targets,
    loss_weights,
    losses_of,
    scores_of,
    targets_of,
)


class StackedLearner:
    """Any K, on one device, by ``torch.func.vmap`` over stacked weights.

    Each model draws its own batch from its own training clips. Where the batches of a step differ
    in size the shorter ones are filled up with rows of weight 0, which batch norm and loss leave
    out, so that every model trains exactly as it would alone.

    Args:
        spec: The network and its training.
        data: Arrays to draw from.
        device: ``cuda``, or ``cpu``, where it is slower than one model at a time but for heads on
            ready features.
    """

    def __init__(self, spec: NetworkSpec, data: TrainingData, *, device: str) -> None:
        self._spec, self._data, self._device = spec, data, device
        self._rows = Rows(data, spec.training, device, spec.planes)
        ready = data.features
        self._features = None if ready is None else torch.from_numpy(ready).to(device)
        self._targets = targets_of(data, device)
        network = build_network(spec, seed=0)
        self._dropout_count = len(key_dropouts(network))
        weight_batch_norms(network)
        self._network = network.to(device)
        self._trainable = {name for name, _ in network.named_parameters()}
        self._scores = torch.vmap(self._one_models_scores)
        self._features_of = torch.vmap(self._one_models_features)
        self._losses = torch.vmap(self._one_models_loss, randomness="different")
        self._jobs: Sequence[FitJob] = ()
        self._perturbation: Perturbation
        self._state: dict[str, Tensor] = {}
        self._kept: dict[str, Tensor] = {}
        self._prefix = None if ready is None else frozen_prefix_of(spec)
        self._decaying = decaying(network, spec.training)
        self._stage: Stage
        self._learning = False
        self._last = penalised_weight(network, spec.loss)
        self._names: list[str] = []  # of the weights that move
        self._changing: list[str] = []  # these, and what batch norms among them measure
        self._is_frozen = True  # whether the prefix has not changed since the beginning
        self._weights: LossWeights
        self._optimizer: StackedOptimizer

    def begin(self, jobs: Sequence[FitJob]) -> None:
        """Fresh weights for every job, stacked in their order."""
        self._jobs = jobs
        fresh = [fresh_state(self._spec, job, self._data) for job in jobs]
        self._state = {
            name: torch.stack([state[name] for state in fresh]).to(self._device)
            for name in fresh[0]
        }
        weights = [loss_weights(self._spec, self._data, job.train) for job in jobs]
        of_each = (torch.stack(own).to(self._device) for own in zip(*weights, strict=True))
        self._weights = LossWeights(*of_each)
        self._function = loss_function(self._spec.loss)
        self._perturbation = Perturbation(self._spec, self._data, jobs)
        self._kept = {}
        self._is_frozen = True

    def enter(self, stage: Stage) -> None:
        """Let the weights of a stage move, with a fresh optimiser."""
        self._stage = stage
        self._changing = let_move(self._network, self._network[1], stage)
        self._names = sorted(self._trainable.intersection(self._changing))
        for name in self._trainable:
            self._state[name].requires_grad_(name in self._names)
        self._optimizer = StackedOptimizer(
            self._parameters(), self._spec.training, stage.learning_rate, self._decaying
        )
        held = self._prefix is not None and self._prefix.is_frozen(self._network[1], stage)
        self._is_frozen = self._is_frozen and held
        self._learning = False

    def slow_down(self, model: int, factor: float) -> None:
        """Multiply one model's step size."""
        self._optimizer.rates[model] *= factor

    def step(self, rows: Sequence[IntArray], moment: tuple[int, int]) -> Tensor:
        """One step of every model whose rows are not empty."""
        active = [len(own) > 0 for own in rows]
        held = {} if all(active) else {n: self._state[n].detach().clone() for n in self._changing}
        padded, weights = self._pad(rows)
        targets = self._targets.at(padded % self._data.clips)
        if not self._learning:  # going through all modules takes time
            set_learning(self._network, self._network[1], self._stage)
            self._learning = True
        state = {**self._state, **self._step_buffers(weights, moment)}
        inputs = self._perturbation(self._inputs(padded), [len(own) for own in rows], moment)
        losses = self._losses(state, inputs, targets, weights, self._weights)
        parameters = self._parameters()
        gradients = torch.autograd.grad(losses.sum(), list(parameters.values()))
        mask = torch.tensor(active, device=self._device)
        self._optimizer.step(parameters, dict(zip(parameters, gradients, strict=True)), mask)
        self._restore(held, ~mask)
        return torch.where(mask, losses.detach(), 0.0)

    def _pad(self, rows: Sequence[IntArray]) -> tuple[Tensor, Tensor]:
        """Row numbers and weights, both ``(models, longest batch)``; fillers are own rows."""
        longest = max(len(own) for own in rows)
        padded = np.empty((len(rows), longest), dtype=np.int64)
        weights = np.zeros((len(rows), longest), dtype=np.float32)
        for model, own in enumerate(rows):
            padded[model] = own[0] if len(own) else self._jobs[model].train[0]
            padded[model, : len(own)] = own
            weights[model, : len(own) or 1] = 1.0
        return torch.from_numpy(padded).to(self._device), torch.from_numpy(weights).to(self._device)

    def _step_buffers(self, weights: Tensor, moment: tuple[int, int]) -> dict[str, Tensor]:
        keys = torch.tensor(
            [dropout_key(job.seed, job.subject_id, moment) for job in self._jobs],
            dtype=torch.int32,
            device=self._device,
        )
        named = dict(self._network.named_buffers())
        dropouts = {name: keys for name in named if name.split(".")[-1] == "key"}
        norms = {name: weights for name in named if name.split(".")[-1] == "row_weights"}
        return dropouts | norms

    def _one_models_loss(
        self,
        state: dict[str, Tensor],
        inputs: Tensor,
        targets: Targets,
        weights: Tensor,
        loss_weights: LossWeights,
    ) -> Tensor:
        loss = self._spec.loss
        logits = self._logits(state, inputs)
        losses = losses_of(logits, targets, self._spec, loss_weights, self._function)
        mean = (losses * weights).sum() / weights.sum()
        return mean + head_penalty(state[self._last], loss) if self._last else mean

    def _one_models_scores(self, state: dict[str, Tensor], inputs: Tensor) -> Tensor:
        return scores_of(self._logits(state, inputs), self._spec.num_classes)

    @property
    def _ready(self) -> Tensor | None:
        """Return the maps of the frozen prefix for every sample, as long as it has not changed."""
        return self._features if self._is_frozen else None

    def _inputs(self, padded: Tensor) -> Tensor:
        """Return the models' inputs: rows, or their features from the frozen prefix."""
        return self._rows.take(padded) if self._ready is None else self._ready[padded]

    def _one_models_features(self, state: dict[str, Tensor], inputs: Tensor) -> Tensor:
        rest = _BehindPrefix(self._network, self._prefix if self._ready is not None else None)
        return _called(rest, state, inputs)

    def _logits(self, state: dict[str, Tensor], inputs: Tensor) -> Tensor:
        """Of one model; inputs are as `_inputs` gives them."""
        if self._ready is None:
            return _called(self._network, state, inputs, prefix="")
        return _called(_BehindPrefix(self._network, self._prefix, head=True), state, inputs)

    def _parameters(self) -> dict[str, Tensor]:
        return {name: self._state[name] for name in self._names}

    @torch.no_grad()
    def _restore(self, held: dict[str, Tensor], untouched: Tensor) -> None:
        for name, before in held.items():
            self._state[name][untouched] = before[untouched]

    @torch.no_grad()
    def scores(self, rows: Sequence[IntArray]) -> list[FloatArray]:
        """Probabilities of classes, and of units behind them, of each model's rows."""
        self._network.eval()
        self._learning = False
        if not any(len(own) for own in rows):
            return [np.empty((0, self._spec.outputs), dtype=np.float32) for _ in rows]
        padded, _ = self._pad(rows)
        scores = self._scores(self._state, self._inputs(padded)).cpu().numpy()
        return [own_scores[: len(own)] for own_scores, own in zip(scores, rows, strict=True)]

    @torch.no_grad()
    def features(self, rows: Sequence[IntArray]) -> list[FloatArray]:
        """Return what each model's head reads of its rows."""
        self._network.eval()
        self._learning = False
        padded, _ = self._pad(rows)
        found = self._features_of(self._state, self._inputs(padded)).cpu().numpy()
        return [own_found[: len(own)] for own_found, own in zip(found, rows, strict=True)]

    @torch.no_grad()
    def keep(self, model: int) -> None:
        """Remember one model's present state."""
        if not self._kept:
            self._kept = {name: value.detach().clone() for name, value in self._state.items()}
        for name, value in self._state.items():
            self._kept[name][model] = value[model]

    @torch.no_grad()
    def recall(self, model: int) -> None:
        """Put one model's remembered state back."""
        for name, value in self._kept.items():
            self._state[name][model] = value[model]

    def weights(self, model: int) -> dict[str, FloatArray]:
        """One model's state as arrays."""
        return {name: value[model].detach().cpu().numpy() for name, value in self._state.items()}


class _BehindPrefix(nn.Module):
    """A network from `build_network` behind its frozen prefix; without one, the whole network.

    Args:
        network: The network.
        prefix: The parts that are left out.
        head: Whether it goes on through the head.
    """

    def __init__(
        self, network: nn.Module, prefix: FrozenPrefix | None, *, head: bool = False
    ) -> None:
        super().__init__()
        self.network, self._prefix, self._head = network, prefix, head

    def forward(self, inputs: Tensor) -> Tensor:
        """``(batch, ...)`` to ``(batch, features)``, or logits ``(batch, classes)``."""
        model = self.network.get_submodule("1")
        if self._prefix is None:
            found = features_of(self.network, inputs)
        else:
            found = self._prefix.other_parts(model)(inputs)
        return cast(Tensor, model.get_submodule("head")(found)) if self._head else found


def _called(
    part: nn.Module, state: dict[str, Tensor], inputs: Tensor, prefix: str = "network."
) -> Tensor:
    named = {f"{prefix}{name}": value for name, value in state.items()}
    found: Tensor = functional_call(part, named, (inputs,))
    return found
