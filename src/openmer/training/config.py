"""How a method is trained: frozen records, read strictly, saved with every result."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

Scalar = bool | int | float | str


class Record(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelConfig(Record):
    """Which network, and the hyperparameters its paper set.

    Attributes:
        name: One of `openmer.models.list_models()`.
        parameters: Further keyword arguments of the model, beside channels, classes and size.
    """

    name: str
    parameters: dict[str, Scalar] = Field(default_factory=dict)


class LossConfig(Record):
    """Loss of one clip; a batch's loss is the mean over its clips.

    Attributes:
        name: ``cross_entropy`` or ``focal`` (Lin et al. 2017).
        gamma: Focusing exponent of the focal loss; 0 makes it a weighted cross-entropy.
        class_weights: One weight per class (the focal loss calls it alpha); empty means all 1;
            ``balanced`` weighs each class by its inverse frequency among the fold's own training
            clips.
    """

    name: Literal["cross_entropy", "focal"] = "cross_entropy"
    gamma: float = Field(default=2.0, ge=0)
    class_weights: tuple[PositiveFloat, ...] | Literal["balanced"] = ()


class InnerConfig(Record):
    """The inner split of the epoch rule ``inner``: persons held out inside the training persons.

    Attributes:
        persons_share: Share of the training persons that choose the epoch and never train.
        patience: Epochs without a better inner loss after which a model stops; 0 runs them all.
    """

    persons_share: float = Field(default=0.2, gt=0, lt=1)
    patience: int = Field(default=0, ge=0)


class NetworkTraining(Record):
    """Gradient descent on a network from `openmer.models`.

    Attributes:
        epochs: Passes over the training clips.
        batch_size: Clips per step; the last batch of an epoch holds what is left.
        order: ``shuffled`` anew each epoch; ``class_by_class`` and never shuffled (the authors'
            STSTNet script lists its folders so); ``as_listed``.
        optimizer: ``adam`` (weight decay as L2), ``adamw`` or ``sgd``.
        learning_rate: Step size.
        momentum: Momentum of ``sgd``; the others use betas 0.9 and 0.999.
        weight_decay: Weight decay.
        standardize: Subtract the mean and divide by the spread of each input value, both measured
            on the fold's training clips alone.
        mirror_probability: Chance that a training clip is drawn mirrored (u changes sign).
        inner: The inner split.
    """

    kind: Literal["network"] = "network"
    epochs: PositiveInt
    batch_size: PositiveInt
    order: Literal["shuffled", "class_by_class", "as_listed"] = "shuffled"
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: PositiveFloat
    momentum: float = Field(default=0.0, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    standardize: bool = False
    mirror_probability: float = Field(default=0.0, ge=0, le=1)
    inner: InnerConfig = InnerConfig()


class SvmTraining(Record):
    """A scikit-learn support vector machine on the flattened input, with scaling in its pipeline.

    Attributes:
        c: Penalty of a misclassified clip.
        gamma: Width of the radial basis function, or ``scale`` / ``auto`` as scikit-learn has them.
        kernel: ``rbf`` or ``linear``.
        class_weight: ``balanced`` weighs classes by their inverse frequency in the fold.
        mirrored_copies: Add a mirrored copy of every training clip (u changes sign).
    """

    kind: Literal["svm"]
    c: PositiveFloat = 1.0
    gamma: PositiveFloat | Literal["scale", "auto"] = "scale"
    kernel: Literal["rbf", "linear"] = "rbf"
    class_weight: Literal["none", "balanced"] = "none"
    mirrored_copies: bool = False


Training = Annotated[NetworkTraining | SvmTraining, Field(discriminator="kind")]
