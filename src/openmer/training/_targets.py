"""What networks learn: the class of a clip, its action units, or both."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from openmer.training._config import LEVEL_OF_PRESENT, ActionUnitConfig
from openmer.training._folds import FloatArray, IntArray, TrainingData
from openmer.training._loss_registry import Loss
from openmer.training._losses import class_weights, clip_losses
from openmer.training._network import NetworkSpec


class Targets(NamedTuple):
    """What is known of clips.

    Attributes:
        classes: Indices, shape ``(clips,)``.
        units: As in `TrainingData`, shape ``(clips, units)``; no unit where there are none.
    """

    classes: Tensor
    units: Tensor

    def at(self, clips: Tensor) -> Targets:
        """Return those of some clips, by their numbers, of any shape."""
        return Targets(self.classes[clips], self.units[clips])


class LossWeights(NamedTuple):
    """How much targets count in one fold: a record, because both parts are tensors.

    Attributes:
        classes: Shape ``(classes,)``.
        units: Of an absent and of a present unit, shape ``(2, units)``.
    """

    classes: Tensor
    units: Tensor


def targets_of(data: TrainingData, device: str) -> Targets:
    """Return the targets of all clips on a device."""
    units = np.empty((data.clips, 0), np.float32) if data.units is None else data.units
    return Targets(
        torch.from_numpy(data.targets).to(device), torch.from_numpy(units.astype("f4")).to(device)
    )


def loss_weights(spec: NetworkSpec, data: TrainingData, train: tuple[int, ...]) -> LossWeights:
    """Return the weights of one fold, counted on its own training clips.

    Raises:
        ConfigError: As `class_weights`.
    """
    rows, classes = list(train), torch.ones(0)
    if spec.num_classes:
        classes = class_weights(spec.loss, data.targets[rows], spec.num_classes)
    if spec.units is None or data.units is None:
        return LossWeights(classes, torch.ones(2, 0))
    units = data.units[rows]
    if not spec.units.balanced:
        return LossWeights(classes, torch.ones(2, units.shape[1]))
    present = np.nansum(units > 0, axis=0)
    counts = np.stack([np.sum(~np.isnan(units), axis=0) - present, present]).clip(1)
    return LossWeights(classes, torch.from_numpy(counts.sum(axis=0) / (2 * counts)).float())


def losses_of(
    logits: Tensor, targets: Targets, spec: NetworkSpec, weights: LossWeights, function: Loss
) -> Tensor:
    """Compute the loss of each clip.

    Args:
        logits: Of the classes, then of the units, shape ``(clips, outputs)``.
        targets: Of the same clips.
        spec: Which losses.
        weights: From `loss_weights`.
        function: `loss_function` of the class loss.

    Returns:
        Shape ``(clips,)``, never negative.
    """
    classes = spec.num_classes
    if spec.units is None:
        return clip_losses(logits, targets.classes, spec.loss, weights.classes, function)
    units = unit_losses(logits[:, classes:], targets.units, weights.units, spec.units)
    if not classes:
        return units
    own = clip_losses(logits[:, :classes], targets.classes, spec.loss, weights.classes, function)
    return own + spec.units.share * units


def unit_losses(
    logits: Tensor, targets: Tensor, weights: Tensor, config: ActionUnitConfig
) -> Tensor:
    """Compute the mean loss of the units that are known of each clip; 0 where none is.

    Args:
        logits: Shape ``(clips, units)``.
        targets: In 0..1 or NaN, same shape.
        weights: Of an absent and of a present unit, shape ``(2, units)``.
        config: The focusing exponent.

    Returns:
        Shape ``(clips,)``: binary cross-entropy, times ``(1 - p_t)^gamma``.
    """
    known, truth = ~torch.isnan(targets), torch.nan_to_num(targets)
    losses = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    if config.gamma:
        losses = (1 - torch.exp(-losses)) ** config.gamma * losses
    losses = torch.where(truth > 0, weights[1], weights[0]) * losses * known
    return losses.sum(dim=1) / known.sum(dim=1).clamp(min=1)


def scores_of(logits: Tensor, classes: int) -> Tensor:
    """Turn logits into probabilities of classes, which sum to 1, and of units, each by itself."""
    if logits.shape[1] == classes:
        return torch.softmax(logits, dim=1)
    parts = torch.softmax(logits[:, :classes], dim=1), torch.sigmoid(logits[:, classes:])
    return torch.cat(parts, dim=1)


def validation_value(scores: FloatArray, data: TrainingData, rows: IntArray, score: str) -> float:
    """Say how good scores of validation clips are; higher is better.

    Args:
        scores: Of these clips, as in `FitResult`.
        data: What is true.
        rows: The clips.
        score: As in `Validation`. Where there are classes, theirs counts; without, the mean over
            units, of which each has the classes present and absent.
    """
    if data.num_classes or data.units is None:
        return _value(scores[:, : data.num_classes], data.targets[rows], score)
    values = []
    for unit, truth in zip(scores.T, data.units[rows].T, strict=True):
        known = ~np.isnan(truth)
        if known.any():
            both = np.stack([1 - unit[known], unit[known]], axis=1)
            values.append(_value(both, (truth[known] > 0).astype(np.int64), score))
    return float(np.mean(values)) if values else 0.0


def _value(scores: FloatArray, truth: IntArray, score: str) -> float:
    right = scores.argmax(axis=1) == truth
    if score == "accuracy":
        return float(np.mean(right))
    if score == "uar":
        return float(np.mean([right[truth == one].mean() for one in set(truth)]))
    chosen = scores[np.arange(len(truth)), truth]
    return float(np.mean(np.log(np.maximum(chosen, 1e-12))))


def best_thresholds(
    probabilities: FloatArray, units: FloatArray, config: ActionUnitConfig
) -> FloatArray:
    """Choose from which probability each unit is present: the highest F1 of "present".

    Args:
        probabilities: Of clips that trained no weight, shape ``(clips, units)``.
        units: What is true of them, as in `TrainingData`.
        config: With intensities the thresholds are `usual_thresholds`.

    Returns:
        Shape ``(units,)``, each between two probabilities; one half for a unit that is not seen
        both present and absent.
    """
    found = usual_thresholds(config)
    if config.intensity:
        return found
    for place, (scores, truth) in enumerate(zip(probabilities.T, units.T, strict=True)):
        known = ~np.isnan(truth)
        present = truth[known] > 0
        if present.any() and not present.all():
            found[place] = _best_threshold(scores[known].astype(np.float64), present)
    return found


def usual_thresholds(config: ActionUnitConfig) -> FloatArray:
    """Return one half for each unit, with intensities `LEVEL_OF_PRESENT`."""
    return np.full(len(config.units), LEVEL_OF_PRESENT if config.intensity else 0.5, np.float32)


def _best_threshold(scores: NDArray[np.float64], present: NDArray[np.bool_]) -> float:
    """Of the middles between scores the one of the highest F1; of several the middle one."""
    levels = np.unique(scores)
    cuts = np.concatenate([[levels[0] / 2], (levels[1:] + levels[:-1]) / 2])
    said = scores[None] >= cuts[:, None]
    hits = (said & present).sum(axis=1)
    f1 = 2 * hits / (said.sum(axis=1) + present.sum())
    best = np.flatnonzero(f1 == f1.max())
    return float(np.clip(cuts[best[len(best) // 2]], 1e-3, 1 - 1e-3))
