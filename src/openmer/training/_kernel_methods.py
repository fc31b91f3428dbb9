"""How a method is trained that has no network: frozen records, read strictly."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from openmer.config import Record


class SvmTraining(Record):
    """A scikit-learn support vector machine, with scaling in its pipeline.

    It reads the flattened input or, as the classifier of a network, what the head would read. Where
    `c` or `kernel` names several values, subjects held out inside the training subjects choose: the
    highest mean of all F1 of the classes over `inner_folds` groups of subjects.

    Attributes:
        standardize: Subtract the mean and divide by the spread of each input value, both measured
            on the examples; else inputs are taken as they are.
        c: Penalty of a misclassified clip; one or several.
        gamma: Width of the radial basis function, or ``scale`` / ``auto`` as scikit-learn has them.
        kernel: ``rbf`` or ``linear``; one or several.
        class_weight: ``balanced`` weighs classes by their inverse frequency in the fold.
        inner_folds: Groups of subjects, each held out once, where there is something to choose.
        flipped_copies: Add a flipped copy of every training clip (u changes sign); not as the
            classifier of a network, which reads the copies that the network was trained on.
    """

    kind: Literal["svm"]
    standardize: bool = True
    c: PositiveFloat | tuple[PositiveFloat, ...] = 1.0
    gamma: PositiveFloat | Literal["scale", "auto"] = "scale"
    kernel: Literal["rbf", "linear"] | tuple[Literal["rbf", "linear"], ...] = "rbf"
    class_weight: Literal["none", "balanced"] = "none"
    inner_folds: int = Field(default=5, ge=2)
    flipped_copies: bool = False

    @property
    def choices(self) -> tuple[tuple[Literal["rbf", "linear"], float], ...]:
        """Every kernel with every penalty, in their order."""
        kernels = self.kernel if isinstance(self.kernel, tuple) else (self.kernel,)
        penalties = self.c if isinstance(self.c, tuple) else (self.c,)
        return tuple((kernel, c) for kernel in kernels for c in penalties)

    @model_validator(mode="after")
    def _something_to_choose(self) -> Self:
        if not self.choices:
            raise ValueError("give at least one kernel and one c")
        return self


class Feature(Record):
    """What a kernel machine compares of two clips: maps of recovered flow, as means over cells.

    Attributes:
        maps: ``flow``, as the recipe gives it; its ``residual`` after an affine motion; its
            ``gradients``; or ``centered``, each channel about its median. They are the recipe's
            steps of these names.
        size: Cells per side.
        power: Whether the cells go through the recipe's step `power`.
    """

    maps: Literal["flow", "residual", "gradients", "centered"]
    size: PositiveInt
    power: bool = False


class KernelTraining(Record):
    """Ridge regression on the classes by kernels of recovered flow, with calibrated scores.

    The scores are the mean over all widths and ridges: nothing is chosen. Subjects held out inside
    the training subjects calibrate them, in closed form (see `openmer.training._kernel`).

    Attributes:
        features: Whose kernels are averaged.
        widths: Of ``exp(-width d^2 / s)``, where s is the mean of d^2 over the training clips.
        ridges: Added to the diagonal of the kernel.
        shift: Clips are compared at all shifts of the one by up to this many pixels, counted down
            and across together,
        own_shift: and of the other by up to this many; both ways, and flipped.
        inner_folds: Groups of training subjects, each scored by the others, for the calibration.
        c: Inverse strength of the penalty of the calibration.
        projections: Random directions whose cosines and sines stand for the kernel of a feature, so
            that a model stores no clip; they are drawn once and are the same everywhere. 0 compares
            clips with the training clips themselves.
    """

    kind: Literal["kernel"]
    features: tuple[Feature, ...] = Field(min_length=1)
    widths: tuple[PositiveFloat, ...] = Field(default=(0.3, 1.0, 3.0), min_length=1)
    ridges: tuple[PositiveFloat, ...] = Field(default=(0.1, 0.3, 1.0), min_length=1)
    shift: int = Field(default=2, ge=0)
    own_shift: int = Field(default=1, ge=0)
    inner_folds: int = Field(default=5, ge=2)
    c: PositiveFloat = 1.0
    projections: int = Field(default=0, ge=0, le=65536)

    @model_validator(mode="after")
    def _fewer_own_shifts(self) -> Self:
        if self.own_shift > self.shift:
            raise ValueError("own_shift is at most shift")
        return self
