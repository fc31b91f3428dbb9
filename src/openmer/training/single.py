"""One model at a time: plain PyTorch, or few, fat, compiled operations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from openmer.training.adapt import fuse_rectified_norm_pools, has_batch_norm, key_dropouts
from openmer.training.config import NetworkTraining
from openmer.training.jobs import FitJob, FloatArray, IntArray, TrainingData
from openmer.training.losses import class_weights, clip_losses
from openmer.training.network import NetworkSpec, build_network, fresh_state
from openmer.training.seeding import dropout_key


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
        self._rows = torch.from_numpy(data.rows()).to(device)
        self._targets = torch.from_numpy(data.targets).to(device)
        self._network = build_network(spec, seed=0)
        self._dropouts = key_dropouts(self._network)
        if compiled:
            fuse_rectified_norm_pools(self._network)
        # PyTorch's own batch norm loses digits in channels-last training on CPU, so only a model
        # without any is laid out that way.
        last = compiled and not has_batch_norm(self._network)
        self._layout = torch.channels_last if last else torch.contiguous_format
        self._network.to(device).to(memory_format=self._layout)
        self._class_weights = torch.ones(spec.num_classes, device=device)
        self._loss = torch.compile(self._mean_loss) if compiled else self._mean_loss
        self._compiled = compiled
        self._optimizer: torch.optim.Optimizer
        self._job: FitJob
        self._kept: dict[str, Tensor] = {}

    def begin(self, jobs: Sequence[FitJob]) -> None:
        """Fresh weights and optimiser for the one job of `jobs`."""
        (self._job,) = jobs
        self._network.load_state_dict(fresh_state(self._spec, self._job, self._data))
        self._optimizer = make_optimizer(self._network, self._spec.training)
        self._class_weights.copy_(_class_weights(self._spec, self._job, self._data))
        self._kept = {}

    def step(self, rows: Sequence[IntArray], moment: tuple[int, int]) -> Tensor:
        """One optimiser step on the rows of the one model."""
        chosen = torch.from_numpy(rows[0]).to(self._rows.device)
        if not len(chosen):
            return torch.zeros(1, device=self._rows.device)
        key = torch.tensor(dropout_key(self._job.seed, self._job.person, moment))
        for dropout in self._dropouts:
            dropout.key.copy_(key)
        inputs = self._rows[chosen].contiguous(memory_format=self._layout)
        targets = self._targets[chosen % len(self._targets)]
        if self._compiled:
            torch._dynamo.mark_dynamic(inputs, 0)
            torch._dynamo.mark_dynamic(targets, 0)
        self._network.train()
        self._optimizer.zero_grad()
        loss = self._loss(inputs, targets)
        torch.autograd.backward(loss)
        self._optimizer.step()
        return loss.detach().reshape(1)

    def _mean_loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        logits = self._network(inputs)
        return clip_losses(logits, targets, self._spec.loss, self._class_weights).mean()

    @torch.no_grad()
    def scores(self, rows: Sequence[IntArray]) -> list[FloatArray]:
        """Class probabilities of the rows."""
        self._network.eval()
        chosen = torch.from_numpy(rows[0]).to(self._rows.device)
        logits = self._network(self._rows[chosen].contiguous(memory_format=self._layout))
        return [torch.softmax(logits, dim=1).cpu().numpy()]

    def keep(self, model: int = 0) -> None:  # noqa: ARG002 - there is one model only
        """Remember the present state."""
        self._kept = {name: value.clone() for name, value in self._network.state_dict().items()}

    def recall(self, model: int = 0) -> None:  # noqa: ARG002 - there is one model only
        """Put the remembered state back."""
        if self._kept:
            self._network.load_state_dict(self._kept)

    def weights(self, model: int = 0) -> dict[str, FloatArray]:  # noqa: ARG002 - as above
        """The state as arrays."""
        state = self._network.state_dict()
        return {name: value.detach().cpu().contiguous().numpy() for name, value in state.items()}


def _class_weights(spec: NetworkSpec, job: FitJob, data: TrainingData) -> Tensor:
    return class_weights(spec.loss, data.targets[list(job.train)], spec.num_classes)


def make_optimizer(network: nn.Module, training: NetworkTraining) -> torch.optim.Optimizer:
    """A fresh optimiser of PyTorch over all weights of the network, fused into one operation."""
    rate, decay = training.learning_rate, training.weight_decay
    weights = list(network.parameters())
    match training.optimizer:
        case "adam":
            return torch.optim.Adam(weights, lr=rate, weight_decay=decay, fused=True)
        case "adamw":
            return torch.optim.AdamW(weights, lr=rate, weight_decay=decay, fused=True)
        case "sgd":
            momentum = training.momentum
            return torch.optim.SGD(
                weights, lr=rate, momentum=momentum, weight_decay=decay, fused=True
            )
