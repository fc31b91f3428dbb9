"""How a method is trained: frozen records, read strictly, saved with every result."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from openmer.augmentation import AugmentationField
from openmer.config import Record as Record  # noqa: PLC0414 - part of this room's face
from openmer.preprocessing import RecipeField
from openmer.training._kernel_methods import KernelTraining, SvmTraining
from openmer.training._loss_registry import LossName
from openmer.training._searched_key import SearchedKey

Scalar = bool | int | float | str
EpochRule = Literal["fixed", "inner", "held_out"]


_FINITE = ConfigDict(allow_inf_nan=False)  # JSON, which takes records to workers, has no others


class ModelConfig(Record):
    """Which network, and the hyperparameters its paper set.

    Attributes:
        name: One of `openmer.models.list_models()`, or ``timm/`` and the name of any model of timm.
        weights: Stored weights that every fold starts from; its head is reinitialised:
            a name of `openmer.models._weights.list_weights()`, the path of a safetensors file, or
            ``imagenet``, what timm offers for the model's backbone. Empty draws all weights.
        loaded: Parts of the model, by their names in it, whose stored weights are taken; all
            others are reinitialised. Empty takes all but the head's.
        parameters: Further keyword arguments of the model, beside channels, classes and size.
    """

    name: str
    weights: str = ""
    loaded: tuple[str, ...] = ()
    parameters: dict[str, Scalar] = Field(default_factory=dict)


class LossConfig(Record):
    """Loss of one clip; a batch's loss is the mean over its clips.

    Attributes:
        name: One of `openmer.training.list_losses()`: ``cross_entropy``, ``focal`` (Lin et al.
            2017), or one that a plug-in registers.
        gamma: Focusing exponent of the focal loss; 0 makes it a weighted cross-entropy.
        class_weights: One weight per class (the focal loss calls it alpha); empty means all 1;
            ``balanced`` weighs each class by its inverse frequency among the fold's own training
            clips.
        head_l1: Added per batch: this times the sum of the magnitudes of the weights of the
            model's last linear layer, without its bias.
        head_l2: The same with the sum of their squares.
    """

    model_config = _FINITE
    name: LossName = "cross_entropy"
    gamma: float = Field(default=2.0, ge=0)
    class_weights: tuple[PositiveFloat, ...] | Literal["balanced"] = ()
    head_l1: float = Field(default=0.0, ge=0)
    head_l2: float = Field(default=0.0, ge=0)


LEVEL_OF_PRESENT = 0.1
"""From here on a unit of predicted intensity is present: half of the lowest level, of 0..1."""


class ActionUnitConfig(Record):
    """Action units as targets of a network: an output with a sigmoid for each.

    Attributes:
        units: Their numbers; empty takes those that `minimum` clips show and do not show.
        minimum: How many clips are enough.
        share: Beside classes, the loss of a clip is that of its class and this times the mean over
            units.
        balanced: Weigh present and absent by their inverse frequency among the fold's own training
            clips, for each unit.
        gamma: Focusing exponent, as of the focal loss; 0 is binary cross-entropy.
        intensity: Train on a fifth of the annotated level (A 1 to E 5, absent 0) in place of 1 and
            0; a unit without a level is then not known of its clip.
    """

    units: tuple[PositiveInt, ...] = ()
    minimum: PositiveInt = 10
    share: PositiveFloat = 1.0
    balanced: bool = True
    gamma: float = Field(default=0.0, ge=0)
    intensity: bool = False


class InnerConfig(Record):
    """The inner split of the epoch rule ``inner``: subjects held out inside the training subjects.

    Attributes:
        subjects_share: Share of the training subjects that choose the epoch and never train.
        patience: Epochs without a better score after which a model stops; 0 runs them all.
        score: What chooses: ``uar``, the mean recall of the classes, or the plain ``loss``, in
            which a large class can outweigh the others.
        retrain: Train again on all training subjects, for the number of epochs that was chosen.
    """

    subjects_share: float = Field(default=0.2, gt=0, lt=1)
    patience: int = Field(default=0, ge=0)
    score: Literal["uar", "loss"] = "uar"
    retrain: bool = False


class Stage(Record):
    """A part of a training with its own step size and its own set of weights that move.

    Attributes:
        epochs: Passes over the training clips, at most, per iteration.
        learning_rate: Step size at its highest.
        trainable: ``all`` weights, or those of the model's ``head`` alone; the rest then runs in
            evaluation mode, batch statistics included.
        frozen: Parts of the model, by their names in it, that hold still where all others move, in
            evaluation mode like what stands before a head that trains alone. Stages with fewer and
            fewer of them unfreeze a network gradually.
        iterations: How often the stage is run in a row; each goes on from the best weights so far
            with a fresh optimiser.
        patience: Epochs without a better validation score after which a stage ends; 0 leaves it to
            the inner split's. It has no effect without validation, as under ``fixed``.
        schedule: ``constant``; ``plateau``: multiplied by `plateau_factor` whenever the validation
            score (or the epoch's mean training loss without validation) was no better for
            `plateau_patience` epochs; or, in a pretraining, ``cosine``: one epoch of linear
            warm-up, then half a cosine down to zero.
        plateau_patience: Epochs without a better score before the step size falls.
        plateau_factor: What it is multiplied by.
        size: In a pretraining, side of its images in pixels; 0 is that of the pretraining, and the
            last stage's. The best epoch is sought again where the size changes.
    """

    model_config = _FINITE
    epochs: PositiveInt
    learning_rate: PositiveFloat
    trainable: Literal["all", "head"] = "all"
    frozen: tuple[str, ...] = ()
    iterations: PositiveInt = 1
    patience: int = Field(default=0, ge=0)
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    plateau_patience: PositiveInt = 10
    plateau_factor: float = Field(default=0.1, gt=0, lt=1)
    size: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_way_to_freeze(self) -> Self:
        if self.frozen and self.trainable == "head":
            raise ValueError('give trainable = "head" or frozen parts, not both')
        return self


class ImageAugment(Record):
    """Random changes of a training image, each drawn again whenever it is used.

    Attributes:
        flip_probability: Chance of a flipped image.
        rotation_deg: Largest turn to either side, in degrees.
        scale: Largest relative change of size, as 0.1 for 0.9..1.1 times.
        shift: Largest shift along either axis, as a share of the side.
        brightness: Largest change of brightness, as a share of 255.
        contrast: Largest relative change of contrast about the image's mean.
        erasing_probability: Chance that a rectangle of 2..20 % of the area becomes middle gray.
        noise_probability: Chance that every pixel of an image changes by a draw of its own.
        noise_levels: How far it changes, either way, in gray levels of 0..255.
    """

    flip_probability: float = Field(default=0.5, ge=0, le=1)
    rotation_deg: float = Field(default=0.0, ge=0, le=180)
    scale: float = Field(default=0.0, ge=0, lt=1)
    shift: float = Field(default=0.0, ge=0, lt=1)
    brightness: float = Field(default=0.0, ge=0, le=1)
    contrast: float = Field(default=0.0, ge=0, lt=1)
    erasing_probability: float = Field(default=0.0, ge=0, le=1)
    noise_probability: float = Field(default=0.0, ge=0, le=1)
    noise_levels: float = Field(default=0.0, ge=0, le=255)


class Oversample(Record):
    """Copies of the clips of smaller classes, each changed once and for all, beside the originals.

    Copies are made of a fold's own training clips only; validation and test clips are originals.

    Attributes:
        copies: Copies of each training clip of every class but the largest of the fold; 0 makes
            none.
        flip_probability: Chance that a copy is a flipped image; else it is shifted.
        shift: Largest shift, left, right, up or down, as a share of the side; the border goes on
            into what becomes free.
    """

    copies: int = Field(default=1, ge=0)
    flip_probability: float = Field(default=0.5, ge=0, le=1)
    shift: float = Field(default=0.03, ge=0, lt=0.5)


class Pretraining(Record):
    """How a model learns macro-expressions on images before any micro-expression.

    Attributes:
        scheme: One of `openmer.datasets._pretraining.list_pretraining_schemes()`.
        start: ``scratch``; ``imagenet``, the weights that timm offers for the backbone; or the path
            of a safetensors file.
        size: Side of the square images that the model sees, in pixels.
        validation: Share of the images, per class, that chooses the epoch and never trains.
        validation_score: What chooses the epoch: the lowest ``loss`` or the highest
            ``accuracy`` on that share.
        rounds: How often all stages are run in a row.
        stages: At least one.
        batch_size: Images per step.
        order: ``shuffled`` or ``balanced``, as in `NetworkTraining`.
        optimizer: As in `NetworkTraining`.
        momentum: As there.
        weight_decay: As there.
        decayed: As there.
        oversample: Copies of training images of smaller classes; None for none.
        label_smoothing: Share of the target that is spread over all classes.
        loss: Loss of one image.
        augment: Random changes of the training images.
        model: Arguments of the model that differ from those of the method; none changes a weight's
            shape (the dropout, for instance).
        recipe: Preprocessing of an image; None takes its gray values as they are.
        search: By dotted keys of this table (``batch_size``, ``stages.0.epochs``), lists of values.
            Every combination is trained, and the one with the best validation score is kept: that
            score is then the best of many. What is compared (images, validation) cannot vary.
    """

    scheme: str
    start: str = "scratch"
    size: int = Field(default=48, ge=16)
    validation: float = Field(default=0.2, gt=0, lt=1)
    validation_score: Literal["loss", "accuracy"] = "loss"
    rounds: PositiveInt = 1
    stages: tuple[Stage, ...] = Field(min_length=1)
    batch_size: PositiveInt = 16
    order: Literal["shuffled", "balanced"] = "shuffled"
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    momentum: float = Field(default=0.0, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    decayed: Literal["all", "kernels"] = "all"
    oversample: Oversample | None = None
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    loss: LossConfig = LossConfig()
    augment: ImageAugment = ImageAugment()
    model: dict[str, Scalar] = Field(default_factory=dict)
    recipe: Annotated[RecipeField | None, BeforeValidator(lambda tables: tables or None)] = None
    search: dict[SearchedKey, tuple[Scalar, ...]] = Field(default_factory=dict)


class Variants(Record):
    """Random changes of a training image out of a fixed, small number of them.

    With a fixed number of variants the features of a frozen backbone can be computed once for each
    variant of a clip, and drawn ever after.

    Attributes:
        probability: Chance that a training clip is drawn changed.
        count: How many changes there are; each is a pure function of its number.
        flip: Whether half of the changes, at random, flip the image.
        brightness: Largest change of brightness, as a share of 255, drawn evenly on both sides.
    """

    probability: float = Field(default=0.5, ge=0, le=1)
    count: PositiveInt = 11
    flip: bool = True
    brightness: float = Field(default=0.0, ge=0, le=1)


class Perturb(Record):
    """Clips changed at random in some epochs or steps of a training; in all others as they are.

    In this order: flipped image, color jitter, noise, random erasing; each is switched off by 0.
    Draws depend on seed, held-out subject, epoch and step alone. Nothing is perturbed to be scored.

    Attributes:
        every: Every how many epochs or steps, counted from 1; 0 is never.
        unit: ``epoch``, or ``step``, one batch; steps are counted on from epoch to epoch.
        color_jitter: Largest relative change of brightness, of contrast and of saturation; of image
            channels alone.
        noise: Standard deviation of Gaussian noise, as a share of the spread of each channel over
            the fold's own training clips.
        flip_probability: Chance of a flipped image, in which u changes its sign.
        erasing_probability: Chance that a rectangle is erased, the same in all channels: by 0 in
            flow in pixels, by the mean of the clip's channel in 8-bit flow and in images.
        erasing_area: Least and largest share of the area that is erased.
        augmentations: What changes the clips after these, in this order: tables with the ``name``
            of an augmentation (one of `openmer.augmentation.AUGMENTATIONS`, or of a plug-in) and
            its values.
    """

    every: int = Field(default=20, ge=0)
    unit: Literal["epoch", "step"] = "epoch"
    color_jitter: float = Field(default=0.2, ge=0, lt=1)
    noise: float = Field(default=0.05, ge=0)
    flip_probability: float = Field(default=0.5, ge=0, le=1)
    erasing_probability: float = Field(default=0.5, ge=0, le=1)
    erasing_area: tuple[float, float] = (0.02, 0.2)
    augmentations: tuple[AugmentationField, ...] = ()

    @model_validator(mode="after")
    def _an_area(self) -> Self:
        if not 0 < self.erasing_area[0] <= self.erasing_area[1] <= 1:
            raise ValueError("erasing_area takes two shares in 0..1, the least first")
        return self


class NetworkTraining(Record):
    """Gradient descent on a network from `openmer.models`.

    Attributes:
        epochs: Passes over the training clips, all weights moving; 0 where there are `stages`, or
            where stored weights are taken as they are and the `classifier` alone is fitted.
        batch_size: Clips per step; the last batch of an epoch holds what is left.
        order: ``shuffled`` again each epoch; ``balanced``, as many clips of each class in every
            step, drawn again each epoch, and in an epoch as many as the smallest class has;
            ``class_by_class`` and never shuffled (the authors' STSTNet script lists its folders
            so); ``as_listed``.
        optimizer: ``adam`` (weight decay as L2), ``adamw`` or ``sgd``.
        learning_rate: Step size.
        momentum: Momentum of ``sgd``; the others use betas 0.9 and 0.999.
        weight_decay: Weight decay: of ``adam`` and ``sgd`` this times a weight is added to its
            gradient, of ``adamw`` the weight shrinks by it. A penalty of ``x`` times the sum of
            squares is a weight decay of ``2 x``.
        decayed: ``all`` trained numbers, or the ``kernels`` of convolutions and linear layers,
            without biases, norms and embeddings.
        standardize: Subtract the mean and divide by the spread of each input value, both measured
            on the fold's training clips alone.
        flip_probability: Chance that a training clip is drawn flipped (u changes sign).
        variants: Random changes of images in 0..255; None for none.
        oversample: Copies of images in 0..255 of the smaller classes; None for none.
        perturb: Random changes of flow and images in some epochs or steps; None for none.
        classifier: What scores: the network's own ``head``, or a support vector machine that is
            fitted, per fold, on the features that the trained network makes of the fold's training
            clips and their copies.
        stages: In place of `epochs` and `learning_rate`: parts that follow one another.
        inner: The inner split.
    """

    model_config = _FINITE
    kind: Literal["network"] = "network"
    epochs: int = Field(default=0, ge=0, le=1_000_000)
    batch_size: PositiveInt
    order: Literal["shuffled", "balanced", "class_by_class", "as_listed"] = "shuffled"
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(default=0.0, ge=0)
    momentum: float = Field(default=0.0, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    decayed: Literal["all", "kernels"] = "all"
    standardize: bool = False
    flip_probability: float = Field(default=0.0, ge=0, le=1)
    variants: Variants | None = None
    oversample: Oversample | None = None
    perturb: Perturb | None = None
    classifier: SvmTraining | Literal["head"] = "head"
    stages: tuple[Stage, ...] = ()
    inner: InnerConfig = InnerConfig()

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        single = self.epochs > 0 and self.learning_rate > 0
        none = self.epochs == 0 and self.learning_rate == 0
        fits = single or (none and self.svm is not None)
        if (self.stages and not none) or (not self.stages and not fits):
            raise ValueError(
                "give training.epochs and training.learning_rate, both above 0, or "
                "training.stages, not both; or none of them and a training.classifier"
            )
        if any(stage.schedule == "cosine" or stage.size for stage in self.stages):
            raise ValueError(
                "the schedule cosine and the size of a stage are for [pretraining]; leave them out"
            )
        if self.svm and self.svm.flipped_copies:
            raise ValueError("leave flipped_copies out of training.classifier; see oversample")
        if sum(map(bool, (self.variants, self.oversample, self.flip_probability))) > 1:
            raise ValueError(
                "give one of training.variants, training.oversample and training.flip_probability"
            )
        return self

    @property
    def svm(self) -> SvmTraining | None:
        """The classifier, where it is not the network's own head."""
        return None if self.classifier == "head" else self.classifier

    @property
    def all_stages(self) -> tuple[Stage, ...]:
        """Every stage in order, repeated by its `iterations`; each has a new optimiser."""
        if not self.stages and not self.epochs:
            return ()
        if not self.stages:
            return (Stage(epochs=self.epochs, learning_rate=self.learning_rate),)
        return tuple(stage for stage in self.stages for _ in range(stage.iterations))

    @property
    def most_epochs(self) -> int:
        """Epochs where nothing stops early."""
        return sum(stage.epochs for stage in self.all_stages)


Training = Annotated[NetworkTraining | SvmTraining | KernelTraining, Field(discriminator="kind")]
