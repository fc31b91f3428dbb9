"""A kernel classifier per fold, and its calibration, in closed form.

With K the mean kernel of the training clips and M = (K + 1 + ridge I)^-1, the scores of clips U by
a machine of all others are ``Y_U - (M_UU)^-1 (M Y)_U``: exactly what a refit without U gives. So
every group of inner subjects is scored by the others without a second training, and a multinomial
logistic regression on these scores makes probabilities of those of the held-out subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from openmer.errors import ConfigError
from openmer.training._folds import FitJob, FitResult, FloatArray, IntArray, TrainingData, digest
from openmer.training._kernel_methods import Feature, KernelTraining
from openmer.training._kernel_module import (
    both_sides,
    feature_vectors,
    mean_kernels,
    shifted_pixels,
)
from openmer.training._random_features import draw_directions, random_features
from openmer.training._seeding import generator

Numbers = NDArray[np.float64]
State = dict[str, NDArray[np.generic]]

_NEVER = -1e4  # logit of a class that the training clips do not have
_STEPS = 4  # scales of distances are powers of 2^(1/4), so that most folds share their kernels
_ROWS = 16  # clips whose distances to all others are held at once


def fit_kernel(job: FitJob, training: KernelTraining, data: TrainingData) -> FitResult:
    """Fit one fold's classifier and score its held-out clips.

    Returns:
        A result whose scores are class probabilities, shape ``(clips, classes)``;
        `FitResult.epoch` is 0 and there are no losses.

    Raises:
        ConfigError: There are no two inner subjects to calibrate by.
        ValueError: A training clip has values that are not finite.
    """
    train, tested = np.asarray(job.train), np.asarray(job.predict, dtype=np.int64)
    if not np.isfinite(data.inputs[train]).all():
        raise ValueError("A kernel classifier cannot be fitted on values that are not finite.")
    targets = data.targets[train]
    groups = _inner_groups(job, targets, training)
    kernels = _gram(_Clips(data.inputs), training.model_dump_json()).of(train)
    fit = _solve(kernels.rows(train), targets, groups, training, data.num_classes)
    weights, offsets = _calibration(fit.inner, targets, training, data.num_classes)
    scores = _scores(kernels.rows(tested), fit.coefficients) + fit.bias
    state = {
        **kernels.stored(fit.coefficients),
        "bias": fit.bias,
        "scales": kernels.scales,
        "weights": weights,
        "offsets": offsets,
    }
    return FitResult(
        job=job,
        scores=_softmax(scores @ weights.T + offsets).astype(np.float32),
        epoch=0,
        losses=(),
        weights_sha256=digest(state),
        state=state if job.keep_state else None,
    )


class _Clips:
    """Prepared clips that compare by their bytes, so that kernels are made once for all folds."""

    def __init__(self, inputs: FloatArray) -> None:
        self.inputs, self._token = inputs, digest({"inputs": inputs})

    def __hash__(self) -> int:
        return hash(self._token)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Clips) and self._token == other._token


@lru_cache(maxsize=3)
def _gram(clips: _Clips, training_json: str) -> _Gram:
    training = KernelTraining.model_validate_json(training_json)
    return (_RandomGram if training.projections else _Gram)(clips.inputs, training)


class _Gram:
    """Kernels of all clips with each other; no number of a clip enters those of two others.

    Args:
        inputs: Recovered flow, shape ``(clips, 3, height, width)``.
        training: Features, widths and shifts.
    """

    def __init__(self, inputs: FloatArray, training: KernelTraining) -> None:
        self._flow = torch.from_numpy(np.array(inputs, dtype=np.float32))
        self._training = training
        reaches = training.own_shift, training.shift
        self._pixels = [shifted_pixels(self._flow, reach) for reach in reaches]
        self._distances = [self._mean_squares(feature) for feature in training.features]
        self._known: dict[tuple[int, float], Numbers] = {}

    def of(self, train: IntArray) -> _FoldKernels:
        """Return the kernels in the scales of some clips."""
        scales = [_rounded(distances[np.ix_(train, train)].mean()) for distances in self._distances]
        found = [self._kernels(number, scale) for number, scale in enumerate(scales)]
        return _FoldKernels(gram=self, train=train, scales=np.array(scales), by_feature=found)

    def stored(self, fold: _FoldKernels, coefficients: Numbers) -> State:
        """Return what a model keeps to compare clips: the training clips.

        Args:
            fold: Kernels with them.
            coefficients: As `_Fit` has them.
        """
        maps = self._flow[fold.train].numpy()
        return {"maps": maps, "coefficients": coefficients, "diagonal": fold.diagonal}

    def _mean_squares(self, feature: Feature) -> Numbers:
        """Mean of d^2 over the shifts of each two clips, symmetric, shape ``(clips, clips)``."""
        left, right = self._vectors(feature)
        found = (left**2).sum(2).double().mean(1)[:, None] + (right**2).sum(2).double().mean(1)
        found = found - 2 * left.double().mean(1) @ right.double().mean(1).T
        return ((found + found.T) / 2).numpy()

    def _vectors(self, feature: Feature) -> tuple[torch.Tensor, torch.Tensor]:
        """At few shifts and flipped, and at many shifts."""
        few = both_sides(self._flow, feature, self._pixels[0])
        return few, feature_vectors(self._flow, feature, self._pixels[1])

    def _kernels(self, number: int, scale: float) -> Numbers:
        """Of one feature, symmetric and not yet of diagonal 1, shape ``(widths, clips, clips)``."""
        if (number, scale) not in self._known:
            left, right = self._vectors(self._training.features[number])
            widths, in_scale = self._training.widths, torch.tensor(scale)
            parts = [
                mean_kernels(rows, right, in_scale, widths) for rows in torch.split(left, _ROWS)
            ]
            found = torch.cat(parts, dim=1)
            self._known[number, scale] = ((found + found.mT) / 2).numpy()
        return self._known[number, scale]


class _RandomGram(_Gram):
    """The same by random features, of which a model keeps weights and no clip."""

    def __init__(self, inputs: FloatArray, training: KernelTraining) -> None:
        super().__init__(inputs, training)
        self._made: dict[tuple[int, float], torch.Tensor] = {}

    def stored(self, fold: _FoldKernels, coefficients: Numbers) -> State:
        """Return weights of the random features."""
        weights = torch.from_numpy(coefficients).float() / len(fold.scales)
        found = [
            self._features(number, scale)[:, fold.train].mT @ weights
            for number, scale in enumerate(fold.scales.tolist())
        ]
        return {"readout": torch.stack(found).numpy()}

    def _features(self, number: int, scale: float) -> torch.Tensor:
        if (number, scale) not in self._made:
            training, feature = self._training, self._training.features[number]
            few = both_sides(self._flow, feature, self._pixels[0])
            directions = draw_directions(feature, number, training.projections)
            self._made[number, scale] = random_features(
                few, directions, torch.tensor(scale), training.widths
            )
        return self._made[number, scale]

    def _kernels(self, number: int, scale: float) -> Numbers:
        if (number, scale) not in self._known:
            found = self._features(number, scale).double()
            self._known[number, scale] = (found @ found.mT).numpy()
        return self._known[number, scale]


@dataclass(frozen=True, kw_only=True)
class _FoldKernels:
    """Kernels with the training clips of one fold.

    Attributes:
        gram: Of all clips.
        train: These clips.
        scales: Of the distances of each feature.
        by_feature: As `_Gram` has them, of all clips.
    """

    gram: _Gram
    train: IntArray
    scales: Numbers
    by_feature: Sequence[Numbers]

    def stored(self, coefficients: Numbers) -> State:
        """Return what a model keeps to compare clips, as `_Gram.stored`."""
        return self.gram.stored(self, coefficients)

    @property
    def diagonal(self) -> Numbers:
        """Kernel of each training clip with itself, shape ``(features, widths, clips)``."""
        return np.stack([_diagonal(found, self.train) for found in self.by_feature])

    def rows(self, clips: IntArray) -> Numbers:
        """Return the mean kernel of clips with those of the fold, ``(widths, clips, train)``."""
        parts = [
            found[:, clips[:, None], self.train]
            / np.sqrt(_diagonal(found, clips)[:, :, None] * _diagonal(found, self.train)[:, None])
            for found in self.by_feature
        ]
        return np.asarray(np.mean(parts, axis=0))


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """A fitted ridge regression, the mean over widths and ridges.

    Attributes:
        coefficients: Shape ``(widths, clips, classes)``.
        bias: Shape ``(classes,)``.
        inner: Scores of the training clips by the other groups of subjects, ``(clips, classes)``.
    """

    coefficients: Numbers
    bias: Numbers
    inner: Numbers


def _solve(
    kernels: Numbers,
    targets: IntArray,
    groups: Sequence[IntArray],
    training: KernelTraining,
    num_classes: int,
) -> _Fit:
    truth = np.eye(num_classes)[targets] - 1 / num_classes
    coefficients = np.zeros((len(kernels), *truth.shape))
    inner = np.zeros_like(truth)
    count = len(kernels) * len(training.ridges)
    for number, kernel in enumerate(kernels):
        for ridge in training.ridges:
            inverse = np.linalg.inv(kernel + 1 + ridge * np.eye(len(kernel)))
            solved = inverse @ truth
            coefficients[number] += solved / count
            for group in groups:
                left_out = np.linalg.solve(inverse[np.ix_(group, group)], solved[group])
                inner[group] += (truth[group] - left_out) / count
    return _Fit(coefficients=coefficients, bias=coefficients.sum((0, 1)), inner=inner)


def _inner_groups(job: FitJob, targets: IntArray, training: KernelTraining) -> list[IntArray]:
    """Deal the training subjects into groups of like size and classes; chance decides among equals.

    Raises:
        ConfigError: There is one subject only.
    """
    people = sorted(set(job.subjects))
    if len(people) < 2:
        raise ConfigError(
            f"A kernel classifier is calibrated by inner subjects, two at least, found "
            f"{len(people)} in fold {job.subject_id}. Give more subjects."
        )
    own = np.asarray(job.subjects)
    counts = {one: np.bincount(targets[own == one], minlength=targets.max() + 1) for one in people}
    order = generator(job.seed, job.subject_id, "inner persons").permutation(people)
    share = np.bincount(targets).clip(1)
    dealt = np.zeros((min(training.inner_folds, len(people)), len(share)))
    group_of = {}
    for one in sorted(order, key=lambda one: -counts[one].sum()):
        filled = ((dealt + counts[one]) ** 2 - dealt**2) / share
        group_of[one] = int(filled.sum(axis=1).argmin())
        dealt[group_of[one]] += counts[one]
    place = np.array([group_of[one] for one in job.subjects])
    return [np.flatnonzero(place == group) for group in range(len(dealt)) if (place == group).any()]


def _calibration(
    scores: Numbers, targets: IntArray, training: KernelTraining, num_classes: int
) -> tuple[Numbers, Numbers]:
    """Weights and offsets that make logits of scores; a class without a clip is never likely."""
    weights, offsets = np.zeros((num_classes, num_classes)), np.full(num_classes, _NEVER)
    seen = np.unique(targets)
    offsets[seen] = 0.0
    if len(seen) > 1:
        spread = scores.std() or 1.0
        fitted = LogisticRegression(C=training.c, class_weight="balanced", max_iter=1000)
        fitted.fit(scores / spread, targets)
        rows = seen[-len(fitted.coef_) :]  # of two classes it has the row of the second alone
        weights[rows], offsets[rows] = fitted.coef_ / spread, fitted.intercept_
    return weights, offsets


def _scores(kernels: Numbers, coefficients: Numbers) -> Numbers:
    return np.asarray(np.einsum("gnt,gtc->nc", kernels, coefficients))


def _softmax(logits: Numbers) -> Numbers:
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True))


def _diagonal(kernels: Numbers, clips: IntArray) -> Numbers:
    return kernels[:, clips, clips]


def _rounded(scale: float) -> float:
    return float(2 ** (round(_STEPS * np.log2(scale)) / _STEPS)) if scale > 0 else 1.0
