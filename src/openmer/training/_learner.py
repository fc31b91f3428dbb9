"""What the training loop asks of a device: a set of models that step, score and remember."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from openmer.training._config import Stage
from openmer.training._folds import FitJob, FloatArray, IntArray


class Learner(Protocol):
    """K models trained as one set. `SingleLearner` has K = 1, `StackedLearner` any K."""

    def begin(self, jobs: Sequence[FitJob]) -> None:
        """Give every model fresh weights; nothing is left of earlier jobs."""

    def enter(self, stage: Stage) -> None:
        """Let the weights of a stage move, every model with a fresh optimiser, and no others."""

    def slow_down(self, model: int, factor: float) -> None:
        """Multiply this model's step size, until the next stage."""

    def step(self, rows: Sequence[IntArray], moment: tuple[int, int]) -> Tensor:
        """One step of every model on its own rows; an empty array leaves its model untouched.

        Args:
            rows: Numbers of `Rows` per model.
            moment: Epoch, as its place in the whole budget, and step within it; names the dropout
                masks and perturbations.

        Returns:
            Mean loss of each model's rows, shape ``(models,)``; 0 for an untouched model.
        """

    def scores(self, rows: Sequence[IntArray]) -> list[FloatArray]:
        """Scores in evaluation mode, as in `FitResult`, one array per model."""

    def features(self, rows: Sequence[IntArray]) -> list[FloatArray]:
        """Return what each model's head reads in evaluation mode, each ``(rows, features)``.

        Raises:
            ConfigError: The model has no such part.
        """

    def keep(self, model: int) -> None:
        """Remember this model's present state as its best."""

    def recall(self, model: int) -> None:
        """Put back what `keep` remembered."""

    def weights(self, model: int) -> dict[str, FloatArray]:
        """Every number of the model's state, by its name in the plain network."""
