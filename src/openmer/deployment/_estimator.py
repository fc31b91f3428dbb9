"""A method as a classifier of scikit-learn, on inputs that are prepared already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from openmer.deployment._fitted import FittedModel, plain_names
from openmer.deployment._record import PACKAGES, ModelRecord, TrainedOn
from openmer.deployment._train import kind_of_method
from openmer.errors import ConfigError
from openmer.evaluation import logits_of, versions
from openmer.methods import Method, load_method
from openmer.training import (
    FitJob,
    NetworkSpec,
    NetworkTraining,
    Resources,
    TrainingData,
    count_parameters,
    fit_jobs,
    plan_run,
)


class MethodClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The classifier of a method: what scikit-learn cross-validates, searches and stacks.

    It takes the last epoch of the budget. With `ProtocolSplitter` a cross-validation holds out
    subjects.

    Args:
        method: Name of a method, path of a method file, or a `Method`. Its recipe has been run.
        shape: ``(channels, height, width)`` of one input, whose numbers stand in a row of X; None
            where the method does not look at places, as a support vector machine does not.
        seed: Of weights and batches.

    Attributes:
        classes_: Labels, sorted.
        n_features_in_: Numbers of an input.
        model_: The trained model.

    Example:
        cross_val_predict(MethodClassifier("flow-svm"), X, y, groups=subjects,
                          cv=ProtocolSplitter("loso"))
    """

    def __init__(
        self,
        method: str | Method = "flow-svm",
        *,
        shape: tuple[int, int, int] | None = None,
        seed: int = 0,
    ) -> None:
        self.method = method
        self.shape = shape
        self.seed = seed

    def fit(self, X: Any, y: Any, groups: Sequence[str] | None = None) -> Self:  # noqa: ANN401, N803
        """Train on all samples.

        Args:
            X: Prepared inputs, a row each, shape ``(samples, numbers)``.
            y: Labels.
            groups: The subject of each sample, for methods that choose by inner subjects; None
                takes each sample as a subject of its own.

        Raises:
            ConfigError: The method needs what is not given, such as `shape`.
            ValueError: As scikit-learn says it: X or y does not serve, or there is one class only.
        """
        X, y = validate_data(self, X, y, dtype=np.float32)  # noqa: N806
        check_classification_targets(y)
        self.classes_, targets = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("Found 1 class, expected two or more.")
        method = self.method if isinstance(self.method, Method) else load_method(self.method)
        if method.task != "classes":
            raise ConfigError(f"Method {method.name} learns action units; take task = 'classes'.")
        check_consistent_length(X, groups)
        subjects = [str(i) for i in range(len(X))] if groups is None else list(map(str, groups))
        self.model_ = self._trained(method, self._shaped(X), targets, subjects)
        return self

    def _trained(
        self,
        method: Method,
        inputs: NDArray[np.float32],
        targets: NDArray[np.intp],
        subjects: list[str],
    ) -> FittedModel:
        spec: Any = method.training
        if isinstance(spec, NetworkTraining):
            spec = method.network_spec(len(self.classes_), inputs.shape[1:])
        data = TrainingData(
            inputs=inputs,
            targets=targets.astype(np.int64),
            num_classes=len(self.classes_),
            flipped=None if self.shape is None else method.steps.flipped(inputs),
        )
        job = FitJob(
            subject_id="", seed=self.seed, train=tuple(range(len(inputs))), predict=(),
            subjects=tuple(subjects), keep_state=True,
        )  # fmt: skip
        resources = Resources(device="cpu", strategy="one_by_one", compiled="never")
        (result,) = fit_jobs([job], spec, data, plan_run(spec, [job], resources))
        record = ModelRecord(
            method=method.name,
            title=method.title,
            kind=kind_of_method(method),
            classes=tuple(map(str, self.classes_)),
            label_scheme="",
            input_shape=inputs.shape[1:],
            parameters=count_parameters(spec) if isinstance(spec, NetworkSpec) else 0,
            seed=self.seed,
            epoch_rule="fixed",
            epoch=result.epoch,
            trained_on=TrainedOn(what=f"{len(inputs)} samples of scikit-learn"),
            versions=versions(PACKAGES),
        )
        return FittedModel(method=method, record=record, state=plain_names(result.state or {}))

    def decision_function(self, X: Any) -> NDArray[np.float64]:  # noqa: ANN401, N803
        """Return logits or decision values, shape ``(samples, classes)``; one column for two."""
        check_is_fitted(self)
        inputs = self._shaped(validate_data(self, X, dtype=np.float32, reset=False))
        scores = self.model_.scores(inputs).astype(np.float64)
        logits = logits_of(scores, self.model_.record.kind)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict(self, X: Any) -> NDArray[np.generic]:  # noqa: ANN401, N803
        """Return the label of each sample."""
        values = self.decision_function(X)
        chosen = values > 0 if values.ndim == 1 else values.argmax(axis=1)
        labels: NDArray[np.generic] = self.classes_[chosen.astype(np.intp)]
        return labels

    def _shaped(self, X: NDArray[np.float32]) -> NDArray[np.float32]:  # noqa: N803
        shape = self.shape or (X.shape[1], 1, 1)
        if int(np.prod(shape)) != X.shape[1]:
            raise ConfigError(f"Found {X.shape[1]} numbers in a sample, expected shape {shape}.")
        return X.reshape(len(X), *shape)
