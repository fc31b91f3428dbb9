"""What scores in place of a trained network's own head: an SVM on its features, per fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from torch import Tensor, nn

from openmer import training as room  # for what needs scikit-learn, a second to import
from openmer.training._batches import training_rows
from openmer.training._config import NetworkTraining
from openmer.training._decision_function import DecisionFunction
from openmer.training._folds import FitJob, FloatArray, TrainingData
from openmer.training._kernel_methods import SvmTraining
from openmer.training._learner import Learner
from openmer.training._network import NetworkSpec, build_network, features_of

if TYPE_CHECKING:
    from openmer.training._svm import Examples

Numbers = Mapping[str, NDArray[np.generic]]

CLASSIFIER = "feature_classifier."  # before the names of its numbers, beside those of the network


def final_scores(
    jobs: Sequence[FitJob], learner: Learner, training: NetworkTraining, data: TrainingData
) -> list[tuple[FloatArray, Numbers]]:
    """Scores of each job's `predict` clips, and the numbers of what made them beside the network.

    Args:
        jobs: Whose training is over.
        learner: Holds their networks.
        training: Says whether heads or a classifier score.
        data: The clips.

    Returns:
        Per job: class probabilities of the head and nothing; or decision values of the classifier,
        fitted on the features of the job's training clips and their copies, and its numbers.
    """
    asked = [np.asarray(job.predict, dtype=np.int64) for job in jobs]
    if training.svm is None:
        return [(scores, {}) for scores in learner.scores(asked)]
    rows = [training_rows(job, training, data) for job in jobs]
    features = learner.features(rows)
    tested = learner.features(asked) if any(map(len, asked)) else [None] * len(jobs)
    # libsvm works outside Python's lock, so machines of several folds are fitted at once.
    run = Parallel(n_jobs=min(cpu_count(), len(jobs)), backend="threading")
    examples = [_examples(*one, data) for one in zip(jobs, rows, features, strict=True)]
    made: list[tuple[FloatArray, Numbers]] = run(
        delayed(_classified)(training.svm, own, test, data.num_classes)
        for own, test in zip(examples, tested, strict=True)
    )
    return made


def trained_network(
    spec: NetworkSpec, state: Mapping[str, Tensor], *, units: bool = False
) -> nn.Module:
    """Build the trained network in evaluation mode: ``(batch, *shape)`` to ``(batch, classes)``.

    Args:
        spec: The network and its training.
        state: As `FitResult.state`.
        units: Give the logits of action units, where they are targets, in place of the classes.

    Returns:
        Gives logits; decision values where a classifier of the features scores.

    Raises:
        RuntimeError: The numbers are of another network.
        DataError: Those of the classifier are missing or do not fit.
    """
    network = build_network(spec, seed=0)
    own = {name: value for name, value in state.items() if not name.startswith(CLASSIFIER)}
    network.load_state_dict(own)
    if spec.units is not None:
        first, end = (spec.num_classes, None) if units else (0, spec.num_classes)
        network.append(_Outputs(first, end))
    if spec.training.svm is None:
        return network.eval()
    numbers = {n.removeprefix(CLASSIFIER): v for n, v in state.items() if n not in own}
    return _Classified(network, DecisionFunction(numbers)).eval()


class _Outputs(nn.Module):
    """Some of the numbers that a network gives."""

    def __init__(self, first: int, end: int | None) -> None:
        super().__init__()
        self._first, self._end = first, end

    def forward(self, logits: Tensor) -> Tensor:
        """``(batch, outputs)`` to those from the first on, before the end."""
        return logits[:, self._first : self._end]


class _Classified(nn.Module):
    """Features of a network, and decision values of an SVM on them."""

    def __init__(self, network: nn.Module, classifier: DecisionFunction) -> None:
        super().__init__()
        self.network, self.classifier = network, classifier

    def forward(self, inputs: Tensor) -> Tensor:
        """``(batch, *shape)`` to ``(batch, classes)``."""
        found: Tensor = self.classifier(features_of(self.network, inputs))
        return found


def _examples(
    job: FitJob, rows: NDArray[np.int64], features: FloatArray, data: TrainingData
) -> Examples:
    place = {clip: number for number, clip in enumerate(job.train)}
    clips = np.array([place[int(row) % data.clips] for row in rows], dtype=np.int64)
    return room.Examples(
        inputs=features,
        targets=data.targets[rows % data.clips],
        clips=clips,
        subjects=job.subjects,
    )


def _classified(
    svm: SvmTraining, examples: Examples, test: FloatArray | None, num_classes: int
) -> tuple[FloatArray, Numbers]:
    classifier = room.fit_pipeline(svm, examples)
    none = np.empty((0, examples.inputs.shape[1]), dtype=np.float32)
    scores = room.svm_scores(classifier, none if test is None else test, num_classes)
    return scores, {CLASSIFIER + name: value for name, value in room.learned(classifier).items()}
