"""A support vector machine per fold: scaling and SVM fitted on the training subjects alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from openmer.errors import ConfigError, ProtocolError
from openmer.training._folds import FitJob, FitResult, FloatArray, IntArray, TrainingData, digest
from openmer.training._kernel_methods import SvmTraining


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """What an SVM is fitted on.

    Attributes:
        inputs: One vector per example, shape ``(examples, numbers)``; the training clips first, in
            the order of the job, then their copies.
        targets: Class indices.
        clips: Which of the training clips each example is, or is a copy of.
        subjects: Who is on each training clip; empty where there is nothing to choose.
    """

    inputs: FloatArray
    targets: IntArray
    clips: IntArray
    subjects: tuple[str, ...] = ()


def fit_svm(job: FitJob, training: SvmTraining, data: TrainingData) -> FitResult:
    """Fit one fold's SVM on its clips as they are and score its held-out clips.

    Returns:
        A result whose scores are one-against-rest decision values, shape ``(clips, classes)``;
        `FitResult.epoch` is 0 and there are no losses.

    Raises:
        ConfigError: There is something to choose, and no inner subjects to choose by.
    """
    pipeline = fit_pipeline(training, _training_clips(job, training, data))
    state = learned(pipeline)
    return FitResult(
        job=job,
        scores=svm_scores(pipeline, _flat(data.inputs[list(job.predict)]), data.num_classes),
        epoch=0,
        losses=(),
        weights_sha256=digest(state),
        state=state if job.keep_state else None,
    )


def fit_pipeline(svm: SvmTraining, examples: Examples) -> Pipeline:
    """Scaling and SVM on all examples, with the kernel and penalty that inner subjects chose.

    Raises:
        ConfigError: There is something to choose, and no inner subjects to choose by.
        ProtocolError: All examples are of one class.
        ValueError: An example has values that are not finite.
    """
    if len(np.unique(examples.targets)) < 2:
        raise ProtocolError(
            f"All {len(examples.targets)} training clips are of one class, and a support vector "
            "machine needs two. Add clips, or hold out fewer at a time (--protocol)."
        )
    if not np.isfinite(examples.inputs).all():
        raise ValueError("A support vector machine cannot be fitted on values that are not finite.")
    kernel, penalty = _chosen(svm, examples)
    pipeline = _pipeline(svm, kernel, penalty)
    pipeline.fit(examples.inputs, examples.targets)
    return pipeline


def svm_scores(pipeline: Pipeline, inputs: FloatArray, num_classes: int) -> FloatArray:
    """Decision values in the columns of their classes; a class the fold never saw scores lowest."""
    if not len(inputs):
        return np.empty((0, num_classes), dtype=np.float32)
    seen = pipeline.classes_
    values = pipeline.decision_function(inputs)
    if len(seen) == 2:
        values = np.stack([-values, values], axis=1)
    scores = np.full((len(inputs), num_classes), values.min() - 1, dtype=np.float32)
    scores[:, seen] = values
    return scores


def learned(pipeline: Pipeline) -> dict[str, NDArray[np.generic]]:
    """All that the decision function is made of; `gamma` is the width as it was resolved."""
    scaler, svc = pipeline[0], pipeline[-1]
    values = svc.support_vectors_.shape[1]
    return {
        "mean": np.zeros(values) if scaler.mean_ is None else scaler.mean_,
        "scale": np.ones(values) if scaler.scale_ is None else scaler.scale_,
        "support": svc.support_vectors_,
        "dual": svc.dual_coef_,
        "intercept": svc.intercept_,
        "counts": svc.n_support_.astype(np.int64),
        "gamma": np.array([svc._gamma]),
        "linear": np.array([svc.kernel == "linear"]),
    }


def _pipeline(svm: SvmTraining, kernel: str, penalty: float) -> Pipeline:
    return make_pipeline(
        StandardScaler(with_mean=svm.standardize, with_std=svm.standardize),
        SVC(
            C=penalty,
            gamma=svm.gamma,
            kernel=kernel,
            class_weight=None if svm.class_weight == "none" else svm.class_weight,
            decision_function_shape="ovr",
        ),
    )


def _chosen(svm: SvmTraining, examples: Examples) -> tuple[str, float]:
    """Choose the kernel and the penalty of the best inner score; of equals the first."""
    choices = svm.choices
    if len(choices) == 1:
        return choices[0]
    splits = _inner_splits(svm, examples)
    scores = [_inner_score(_pipeline(svm, *choice), examples, splits) for choice in choices]
    return choices[int(np.argmax(scores))]


def _inner_splits(svm: SvmTraining, examples: Examples) -> list[tuple[IntArray, IntArray]]:
    """Examples to fit on and originals to score, no subject on both sides of any split."""
    subjects = examples.subjects
    groups = min(svm.inner_folds, len(set(subjects)))
    if groups < 2:
        raise ConfigError(
            "The support vector machine has several kernels or penalties to choose from, which "
            f"takes two inner subjects at least, found {len(set(subjects))}. Give one of each."
        )
    originals = np.arange(len(subjects))
    targets = examples.targets[originals]
    least = int(np.unique(targets, return_counts=True)[1].min())
    even = StratifiedGroupKFold(min(groups, least)) if least > 1 else GroupKFold(groups)
    splits = []
    for _, held in even.split(originals, targets, subjects):
        splits.append((np.flatnonzero(~np.isin(examples.clips, held)), held))
    return splits


def _inner_score(
    pipeline: Pipeline, examples: Examples, splits: list[tuple[IntArray, IntArray]]
) -> float:
    """Mean F1 of the classes over the originals of all splits, pooled."""
    truth, found = [], []
    for inside, held in splits:
        if len(np.unique(examples.targets[inside])) < 2:
            continue
        pipeline.fit(examples.inputs[inside], examples.targets[inside])
        truth.append(examples.targets[held])
        found.append(pipeline.predict(examples.inputs[held]))
    if not truth:
        return 0.0
    return float(f1_score(np.concatenate(truth), np.concatenate(found), average="macro"))


def _training_clips(job: FitJob, training: SvmTraining, data: TrainingData) -> Examples:
    rows = np.asarray(job.train)
    inputs, clips = data.inputs[rows], np.arange(len(rows))
    if training.flipped_copies and data.flipped is not None:
        inputs = np.concatenate([inputs, data.flipped[rows]])
        clips = np.concatenate([clips, clips])
    return Examples(
        inputs=_flat(inputs), targets=data.targets[rows][clips], clips=clips, subjects=job.subjects
    )


def _flat(inputs: FloatArray) -> FloatArray:
    return inputs.reshape(len(inputs), int(np.prod(inputs.shape[1:])))
