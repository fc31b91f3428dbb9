"""Pretraining of one model on labelled images: stages, best epoch kept, resumable to the bit."""

from __future__ import annotations

import contextlib
import io
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmer.augmentation import Planes, apply_all, resize_images
from openmer.errors import ConfigError
from openmer.files import replace_file
from openmer.models import halved, load_weights
from openmer.preprocessing import fingerprint
from openmer.pretraining._augment import augment_images
from openmer.pretraining._images import ImageSet, split_images
from openmer.pretraining._spec import (
    Epoch,
    Pretrained,
    PretrainSpec,
    all_stages_of,
    fresh_network,
    read_checkpoint,
)
from openmer.training import (
    Changes,
    FloatArray,
    FusedOptimizer,
    IntArray,
    Plateau,
    Stage,
    balanced_rows,
    class_weights,
    clip_losses,
    copies_of,
    derive_seed,
    freed_memory_kept,
    generator,
    head_penalty,
    let_move,
    loss_function,
    penalised_weight,
    set_learning,
    with_copies,
)

_EVALUATION_BATCH = 256


def pretrain(
    spec: PretrainSpec,
    image_set: ImageSet,
    start: dict[str, Tensor],
    *,
    checkpoint: Path,
    half: bool = False,
    on_epoch: Callable[[int, int], None] | None = None,
) -> Pretrained:
    """Train on images, stage by stage, and keep the weights of the best validation epoch.

    Args:
        spec: The model and how it is trained.
        image_set: The images.
        start: Weights to begin with, by name; whatever is not in it is drawn from the seed.
        checkpoint: File that holds the state after each epoch. Where it exists the pretraining
            goes on from it and ends with the same bytes as one that was never stopped.
        half: Round the result to half precision before it is scored.
        on_epoch: Called with epochs done and, at most, to do.

    Raises:
        ConfigError: The checkpoint belongs to another specification or other images.
        DataError: The checkpoint is broken, or a class is too small to be split.
    """
    with _threads(spec), freed_memory_kept():
        run = _Run(spec, image_set, start)
        run.resume(checkpoint)
        total = sum(stage.epochs for _, stage in run.stages)
        report = on_epoch or (lambda *_: None)
        report(len(run.progress.epochs), total)
        while run.progress.place < len(run.stages):
            started = time.perf_counter()
            run.epoch()
            run.progress.seconds += time.perf_counter() - started
            run.save(checkpoint)
            report(len(run.progress.epochs), total)
        return run.result(half=half)


@dataclass
class _Progress:
    """Where a run stands: pass, epochs in it, epochs in all, the best one, and the step size."""

    place: int = 0
    inside: int = 0
    since_best: int = 0
    best: float = math.inf
    seconds: float = 0.0
    plateau: Plateau = field(default_factory=Plateau)
    epochs: list[Epoch] = field(default_factory=list)


class _Run:
    """The moving parts of one pretraining."""

    def __init__(self, spec: PretrainSpec, image_set: ImageSet, start: dict[str, Tensor]) -> None:
        self._spec, self._config = spec, spec.pretraining
        self.stages = all_stages_of(self._config)
        self.progress = _Progress()
        self._images = torch.from_numpy(image_set.images).to(spec.device)
        self._targets = torch.from_numpy(image_set.targets).to(spec.device)
        self._train, self._validation = split_images(
            image_set.targets, self._config.validation, spec.seed, image_set.subjects
        )
        self._image_set = image_set
        self._rows = with_copies(self._train, image_set.targets, self._config.oversample)
        self._copies = self._drawn_copies()
        self.network = _started(spec, image_set, start).to(spec.device)
        self._function = loss_function(self._config.loss)
        self._class_weights = class_weights(
            self._config.loss, image_set.targets[self._train], image_set.num_classes
        ).to(spec.device)
        self._penalised = penalised_weight(self.network, self._config.loss)
        # Batches and images keep their size all through a stage: compiled for each, and fastest.
        compiled = torch.compile(self._mean_loss, dynamic=False)
        self._loss = compiled if spec.compiled else self._mean_loss
        self._best = _copy(self.network.state_dict())
        self._enter()

    def epoch(self) -> None:
        """One epoch of the present pass, and what follows from its score."""
        progress, (name, stage) = self.progress, self.stages[self.progress.place]
        training_loss = self._train_epoch(stage)
        scores = self.scores()
        loss, accuracy = _score(scores, self._image_set.targets[self._validation])
        value = loss if self._config.validation_score == "loss" else -accuracy
        better = value < progress.best
        if better:
            progress.best, progress.since_best = value, 0
            self._best = _copy(self.network.state_dict())
        else:
            progress.since_best += 1
        progress.inside += 1
        progress.epochs.append(
            Epoch(
                number=len(progress.epochs) + 1,
                part=name,
                learning_rate=self._optimizer.rate,
                training_loss=training_loss,
                validation_loss=loss,
                validation_accuracy=accuracy,
                best=better,
            )
        )
        progress.plateau.follow(-value, stage)
        stopped = 0 < stage.patience <= progress.since_best
        if stopped or progress.inside == stage.epochs:
            self._leave()

    def _leave(self) -> None:
        """On to the next pass, from the best weights so far.

        Scores of images of another size are no comparison: after a change the best is sought again.
        """
        size = self._size()
        self.progress.place += 1
        self.progress.inside = self.progress.since_best = 0
        self.progress.plateau = Plateau()
        self.network.load_state_dict(self._best)
        if self.progress.place < len(self.stages):
            self._enter()
            self.progress.best = self.progress.best if self._size() == size else math.inf

    def _size(self) -> int:
        """Side of the images of the present pass, or of the last one when all are done."""
        place = min(self.progress.place, len(self.stages) - 1)
        return self.stages[place][1].size or self._config.size

    def _enter(self) -> None:
        _, stage = self.stages[self.progress.place]
        let_move(self.network, self.network, stage)
        self._optimizer = FusedOptimizer(self.network, self._config, stage.learning_rate)

    def _train_epoch(self, stage: Stage) -> float:
        number = len(self.progress.epochs) + 1
        order, size = self._order(number)
        steps = len(order) // size  # what is left over waits for the next epoch's order
        draws = torch.Generator(self._spec.device)
        draws.manual_seed(derive_seed(self._spec.seed, "augment", number))
        torch.manual_seed(derive_seed(self._spec.seed, "dropout", number))
        set_learning(self.network, self.network, stage)
        total = 0.0
        for step, rows in enumerate(order[: steps * size].reshape(steps, size)):
            rate = _rate(stage, (self.progress.inside + (step + 1) / steps) / stage.epochs)
            rate *= self.progress.plateau.rate
            self._optimizer.rate = rate
            total += self._step(torch.from_numpy(rows), draws)
        return total / steps

    def _order(self, number: int) -> tuple[IntArray, int]:
        """Draw the rows of an epoch in their order, and how many make a step."""
        rng, size = generator(self._spec.seed, "order", number), self._config.batch_size
        if self._config.order == "balanced":
            order, size = balanced_rows(self._rows, self._image_set.targets, size, rng)
        else:
            order = rng.permutation(self._rows)
        return order, min(size, len(order))

    def _drawn_copies(self) -> Changes:
        """Draw the copies of all images, with change 0, none; nothing where there are none."""
        if self._config.oversample is None:
            return []
        _, channels, height, width = self._images.shape
        shape = (channels, height, width)
        drawn = copies_of(self._config.oversample, len(self._images), shape)
        return [(change, values.flatten(0, 1).to(self._spec.device)) for change, values in drawn]

    def _pixels(self, rows: Tensor) -> Tensor:
        """Return images, or copies of them, by their rows."""
        pixels = self._images[rows % len(self._images)].float()
        if not self._copies:
            return pixels
        changes, values = zip(*self._copies, strict=True)
        return apply_all(list(changes), pixels, [one[rows] for one in values], Planes())

    def _step(self, rows: Tensor, draws: torch.Generator) -> float:
        rows = rows.to(self._images.device)
        pixels = augment_images(self._pixels(rows), self._size(), self._config.augment, draws)
        rows = rows % len(self._images)
        self._optimizer.zero_grad()
        loss = self._loss(_laid_out(pixels), self._targets[rows])
        torch.autograd.backward(loss)
        self._optimizer.step()
        return float(loss.detach())

    def _mean_loss(self, pixels: Tensor, targets: Tensor) -> Tensor:
        logits, smoothing = self.network(pixels), self._config.label_smoothing
        losses = clip_losses(
            logits, targets, self._config.loss, self._class_weights, self._function
        )
        if smoothing:
            flat = -F.log_softmax(logits, dim=1).mean(1)
            losses = (1 - smoothing) * losses + smoothing * flat
        if not self._penalised:
            return losses.mean()
        weight = self.network.get_parameter(self._penalised)
        return losses.mean() + head_penalty(weight, self._config.loss)

    @torch.no_grad()
    def scores(self) -> FloatArray:
        """Class probabilities of the validation images with the present weights."""
        self.network.eval()
        chunks = []
        for start in range(0, len(self._validation), _EVALUATION_BATCH):
            rows = torch.from_numpy(self._validation[start : start + _EVALUATION_BATCH])
            images = self._images[rows.to(self._images.device)].float()
            logits = self.network(_laid_out(resize_images(images, self._size())))
            chunks.append(torch.softmax(logits, dim=1).cpu().numpy())
        return np.concatenate(chunks)

    def result(self, *, half: bool) -> Pretrained:
        """Return the best weights, with their scores of the validation images."""
        self.network.load_state_dict(halved(self._best) if half else self._best)
        return Pretrained(
            state=_copy(self.network.state_dict()),
            epochs=tuple(self.progress.epochs),
            validation=self._validation,
            scores=self.scores(),
            seconds=self.progress.seconds,
        )

    def save(self, checkpoint: Path) -> None:
        """Write everything the rest of the run depends on, whole or not at all."""
        progress = asdict(self.progress)
        record = {
            "question": self._question(),
            "progress": progress,
            "network": self.network.state_dict(),
            "best": self._best,
            "optimizer": {"state": self._optimizer.state},
        }
        content = io.BytesIO()
        torch.save(record, content)
        replace_file(checkpoint, content.getvalue())

    def resume(self, checkpoint: Path) -> None:
        """Go on from a checkpoint, if there is one."""
        if not checkpoint.is_file():
            return
        record = read_checkpoint(checkpoint, self._spec.device)
        if record["question"] != self._question():
            raise ConfigError(
                f"{checkpoint} was begun with other settings or images than these. Repeat the "
                "command that began it, or give another folder with --out."
            )
        fields: dict[str, Any] = record["progress"]
        epochs = [Epoch(**epoch) for epoch in fields.pop("epochs")]
        plateau = Plateau(**fields.pop("plateau"))
        self.progress = _Progress(**fields, plateau=plateau, epochs=epochs)
        self.network.load_state_dict(record["network"])
        self._best = record["best"]
        if self.progress.place < len(self.stages):
            self._enter()
            self._optimizer.state = record["optimizer"]["state"]

    def _question(self) -> str:
        image_set, start = self._image_set, self._config.start
        known = start in ("scratch", "imagenet")
        parts: list[object] = [
            fingerprint(image_set.images),
            image_set.targets.tolist(),
            image_set.subjects,
            "" if known else load_weights(start).sha256,
        ]
        return f"{self._spec.model_dump_json()} {derive_seed(0, *parts)}"


def _started(spec: PretrainSpec, image_set: ImageSet, start: dict[str, Tensor]) -> nn.Module:
    network = fresh_network(spec, image_set)
    network.load_state_dict(network.state_dict() | start)
    return network.to(memory_format=torch.channels_last)


def _rate(stage: Stage, share_done: float) -> float:
    """Return the learning rate after a share, 0..1, of a stage, before any plateau."""
    if stage.schedule != "cosine":
        return stage.learning_rate
    warm = share_done * stage.epochs  # epochs done
    return stage.learning_rate * min(1.0, warm) * 0.5 * (1 + math.cos(math.pi * share_done))


def _score(scores: FloatArray, truth: IntArray) -> tuple[float, float]:
    """Mean cross-entropy and accuracy."""
    chosen = np.maximum(scores[np.arange(len(truth)), truth], 1e-12)
    return float(-np.log(chosen).mean()), float((scores.argmax(1) == truth).mean())


def _laid_out(pixels: Tensor) -> Tensor:
    return pixels.contiguous(memory_format=torch.channels_last)


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.items()}


@contextlib.contextmanager
def _threads(spec: PretrainSpec) -> Iterator[None]:
    """Use the threads of the specification; leave the caller's random state alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(spec.threads)
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(before)
