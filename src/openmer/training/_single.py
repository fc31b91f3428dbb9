"""One model at a time: plain PyTorch, or few, fat, compiled operations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from openmer.training._adapt import (
    fuse_rectified_norm_pools,
    gate_channels,
    keep_inputs_of_silu,
    key_dropouts,
    runs_channels_last,
)
from openmer.training._config import Stage
from openmer.training._folds import FitJob, FloatArray, IntArray, TrainingData
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
from openmer.training._optimizers import FusedOptimizer
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

_SCORE_BATCH = 64


class SingleLearner:
    """K = 1.

    Args:
        spec: The network and its training.
        data: Arrays to draw from.
        device: ``cpu`` or ``cuda``.
        compiled: Fuse ReLU, batch norm and pooling, lay maps out channels last and compile the
            step. Pays off on long runs only: compiling takes tens of seconds.
    """

    def __init__(
        self, spec: NetworkSpec, data: TrainingData, *, device: str, compiled: bool
    ) -> None:
        self._spec, self._data = spec, data
        self._rows = Rows(data, spec.training, device, spec.planes)
        ready = data.features
        self._features = None if ready is None else torch.from_numpy(ready).to(device)
        self._device = device
        self._targets = targets_of(data, device)
        self._network = build_network(spec, seed=0)
        self._dropouts = key_dropouts(self._network)
        keep_inputs_of_silu(self._network)
        if device == "cpu" and not compiled:
            gate_channels(self._network)
        if compiled:
            fuse_rectified_norm_pools(self._network)
        last = runs_channels_last(self._network, compiled=compiled)
        self._layout = torch.channels_last if last else torch.contiguous_format
        self._network.to(device).to(memory_format=self._layout)
        units = self._targets.units.shape[1]
        self._weights = LossWeights(
            torch.ones(spec.num_classes, device=device), torch.ones(2, units, device=device)
        )
        self._function = loss_function(spec.loss)
        self._loss = torch.compile(self._mean_loss) if compiled else self._mean_loss
        self._compiled = compiled
        self._optimizer: FusedOptimizer
        self._job: FitJob
        self._perturbation: Perturbation
        self._kept: dict[str, Tensor] = {}
        self._prefix = None if ready is None else frozen_prefix_of(spec)
        self._after = self._prefix.other_parts(self._network[1]) if self._prefix else nn.Identity()
        self._stage: Stage
        self._learning = False
        name = penalised_weight(self._network, spec.loss)
        self._last = self._network.get_parameter(name) if name else None
        self._is_frozen = True  # whether the prefix has not changed since the beginning

    def begin(self, jobs: Sequence[FitJob]) -> None:
        """Fresh weights for the one job of `jobs`."""
        (self._job,) = jobs
        self._network.load_state_dict(fresh_state(self._spec, self._job, self._data))
        own = loss_weights(self._spec, self._data, self._job.train)
        for held, weights in zip(self._weights, own, strict=True):
            held.copy_(weights)
        self._perturbation = Perturbation(self._spec, self._data, jobs)
        self._kept = {}
        self._is_frozen = True

    def enter(self, stage: Stage) -> None:
        """Let the weights of a stage move, with a fresh optimiser."""
        let_move(self._network, self._network[1], stage)
        self._stage = stage
        self._optimizer = FusedOptimizer(self._network, self._spec.training, stage.learning_rate)
        held = self._prefix is not None and self._prefix.is_frozen(self._network[1], stage)
        self._is_frozen = self._is_frozen and held
        self._learning = False

    def slow_down(self, model: int, factor: float) -> None:  # noqa: ARG002 - as in `keep`
        """Multiply the step size."""
        self._optimizer.rate *= factor

    def step(self, rows: Sequence[IntArray], moment: tuple[int, int]) -> Tensor:
        """One optimiser step on the rows of the one model."""
        chosen = torch.from_numpy(rows[0]).to(self._device)
        if not len(chosen):
            return torch.zeros(1, device=self._device)
        key = torch.tensor(dropout_key(self._job.seed, self._job.subject_id, moment))
        for dropout in self._dropouts:
            dropout.key.copy_(key)
        if not self._learning:  # going through all modules takes time
            set_learning(self._network, self._network[1], self._stage)
            self._learning = True
        self._optimizer.zero_grad()
        targets = self._targets.at(chosen % self._data.clips)
        loss = self._step_loss(chosen, targets, moment)
        torch.autograd.backward(loss)
        self._optimizer.step()
        return loss.detach().reshape(1)

    def _step_loss(self, chosen: Tensor, targets: Targets, moment: tuple[int, int]) -> Tensor:
        if self._ready is not None:
            return self._penalised(self._head(self._after(self._ready[chosen])), targets)
        taken = self._rows.take(chosen)
        inputs = self._laid_out(self._perturbation(taken[None], [len(chosen)], moment)[0])
        if self._compiled:
            torch._dynamo.maybe_mark_dynamic(inputs, 0)
            torch._dynamo.maybe_mark_dynamic(targets.classes, 0)
            torch._dynamo.maybe_mark_dynamic(targets.units, 0)
        return self._loss(inputs, targets)

    def _mean_loss(self, inputs: Tensor, targets: Targets) -> Tensor:
        return self._penalised(self._network(inputs), targets)

    def _penalised(self, logits: Tensor, targets: Targets) -> Tensor:
        mean = losses_of(logits, targets, self._spec, self._weights, self._function).mean()
        return mean if self._last is None else mean + head_penalty(self._last, self._spec.loss)

    def _inputs(self, chosen: Tensor) -> Tensor:
        return self._laid_out(self._rows.take(chosen))

    def _laid_out(self, inputs: Tensor) -> Tensor:
        return inputs.contiguous(memory_format=self._layout)

    @property
    def _ready(self) -> Tensor | None:
        """Return the maps of the frozen prefix for every sample, as long as it has not changed."""
        return self._features if self._is_frozen else None

    def _head(self, features: Tensor) -> Tensor:
        logits: Tensor = self._network[1].get_submodule("head")(features)
        return logits

    @torch.no_grad()
    def scores(self, rows: Sequence[IntArray]) -> list[FloatArray]:
        """Probabilities of classes, and of units behind them, of the rows."""
        self._network.eval()
        self._learning = False
        chosen = torch.from_numpy(rows[0]).to(self._device)
        parts = [self._logits(part) for part in torch.split(chosen, _SCORE_BATCH)]
        return [scores_of(torch.cat(parts), self._spec.num_classes).cpu().numpy()]

    @torch.no_grad()
    def features(self, rows: Sequence[IntArray]) -> list[FloatArray]:
        """Return what the head reads of the rows."""
        self._network.eval()
        self._learning = False
        chosen = torch.from_numpy(rows[0]).to(self._device)
        parts = [self._features_of(part) for part in torch.split(chosen, _SCORE_BATCH)]
        return [torch.cat(parts).cpu().numpy()]

    def _logits(self, chosen: Tensor) -> Tensor:
        if self._ready is not None:
            return self._head(self._features_of(chosen))
        logits: Tensor = self._network(self._inputs(chosen))
        return logits

    def _features_of(self, chosen: Tensor) -> Tensor:
        if self._ready is not None:
            return self._after(self._ready[chosen])
        return features_of(self._network, self._inputs(chosen))

    def keep(self, model: int = 0) -> None:  # noqa: ARG002 - there is one model only
        """Remember the present state."""
        self._kept = {name: value.clone() for name, value in self._network.state_dict().items()}

    def recall(self, model: int = 0) -> None:  # noqa: ARG002 - there is one model only
        """Put the remembered state back."""
        if self._kept:
            self._network.load_state_dict(self._kept)

    def weights(self, model: int = 0) -> dict[str, FloatArray]:  # noqa: ARG002 - as above
        """Return the state as arrays, which later jobs leave alone."""
        state = self._network.state_dict()
        return {name: value.detach().cpu().numpy().copy() for name, value in state.items()}
