"""A support vector machine per fold: scaling and machine fitted on the training persons alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from openmer.training.config import SvmTraining
from openmer.training.jobs import FitJob, FitResult, FloatArray, IntArray, TrainingData, digest


def fit_svm(job: FitJob, training: SvmTraining, data: TrainingData) -> FitResult:
    """Fit one fold's machine and score its held-out clips.

    Returns:
        A result whose scores are one-against-rest decision values, shape ``(clips, classes)``;
        `FitResult.epoch` is 0 and there are no losses.
    """
    inputs, targets = _training_clips(job, training, data)
    machine = make_pipeline(
        StandardScaler(),
        SVC(
            C=training.c,
            gamma=training.gamma,
            kernel=training.kernel,
            class_weight=None if training.class_weight == "none" else training.class_weight,
            decision_function_shape="ovr",
        ),
    )
    machine.fit(inputs, targets)
    return FitResult(
        job=job,
        scores=_scores(machine, _flat(data.inputs[list(job.predict)]), data.num_classes),
        epoch=0,
        losses=(),
        weights_sha256=digest(_learned(machine)),
        state=_learned(machine) if job.keep_state else None,
    )


def _training_clips(
    job: FitJob, training: SvmTraining, data: TrainingData
) -> tuple[FloatArray, IntArray]:
    rows = np.asarray(job.train)
    inputs, targets = data.inputs[rows], data.targets[rows]
    if training.mirrored_copies and data.mirrored is not None:
        inputs = np.concatenate([inputs, data.mirrored[rows]])
        targets = np.concatenate([targets, targets])
    return _flat(inputs), targets


def _flat(inputs: FloatArray) -> FloatArray:
    return inputs.reshape(len(inputs), int(np.prod(inputs.shape[1:])))


def _scores(machine: Pipeline, inputs: FloatArray, num_classes: int) -> FloatArray:
    """Decision values in the columns of their classes; a class the fold never saw scores lowest."""
    if not len(inputs):
        return np.empty((0, num_classes), dtype=np.float32)
    seen = machine.classes_
    values = machine.decision_function(inputs)
    if len(seen) == 2:
        values = np.stack([-values, values], axis=1)
    scores = np.full((len(inputs), num_classes), values.min() - 1, dtype=np.float32)
    scores[:, seen] = values
    return scores


def _learned(machine: Pipeline) -> dict[str, NDArray[np.generic]]:
    """All that the decision function is made of; `gamma` is the width as it was resolved."""
    scaler, svc = machine[0], machine[-1]
    return {
        "mean": scaler.mean_,
        "scale": scaler.scale_,
        "support": svc.support_vectors_,
        "dual": svc.dual_coef_,
        "intercept": svc.intercept_,
        "counts": svc.n_support_.astype(np.int64),
        "gamma": np.array([svc._gamma]),
    }
