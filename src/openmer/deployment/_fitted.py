"""A fitted model in memory: clips or images in, class scores out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from openmer.clip import Clip
from openmer.deployment._record import ModelRecord
from openmer.errors import DataError
from openmer.evaluation import logits_of, probabilities_at
from openmer.methods import Method
from openmer.preprocessing import LUMA, Frames, Recipe
from openmer.training import (
    CLASSIFIER,
    DecisionFunction,
    KernelClassifier,
    KernelTraining,
    NetworkTraining,
    RandomFeatureClassifier,
    SvmTraining,
    trained_network,
)

FloatArray = NDArray[np.float32]

_PARTS = {"standardize.": "0.", CLASSIFIER: CLASSIFIER, "": "1."}  # here, and in `FitResult`


@dataclass(frozen=True, kw_only=True)
class FittedModel:
    """A trained method: everything from frames to class scores.

    Attributes:
        method: The method, resolved.
        record: What the model says of itself.
        state: The trained numbers: of a network by their names in the model's ``state_dict``, with
            ``standardize.mean`` and ``.spread`` beside them, and those of a classifier of its
            features; of a support vector machine as `DecisionFunction` takes them; of a kernel
            classifier as `KernelClassifier` or `RandomFeatureClassifier` does.
    """

    method: Method
    record: ModelRecord
    state: Mapping[str, Tensor]

    @cached_property
    def module(self) -> nn.Module:
        """Prepared clips ``(batch, *input_shape)`` to scores ``(batch, classes)``, both float32.

        In evaluation mode, on the CPU.

        Raises:
            DataError: The numbers do not fit the method.
        """
        training = self.method.training
        if isinstance(training, SvmTraining):
            return DecisionFunction(self.state).eval()
        if isinstance(training, KernelTraining):
            made = RandomFeatureClassifier if training.projections else KernelClassifier
            return made(training, self.state).eval()
        if training.svm is not None:
            return self.network
        return nn.Sequential(self.network, nn.Softmax(1)).eval()

    @cached_property
    def network(self) -> nn.Module:
        """Prepared clips ``(batch, *input_shape)`` to logits ``(batch, classes)``, both float32.

        Decision values in place of logits where a classifier of its features scores. In evaluation
        mode, on the CPU.

        Raises:
            DataError: There is no network, or the numbers do not fit the method.
        """
        return _network(self.method, self.record, self.state).eval()

    @cached_property
    def _unit_network(self) -> nn.Module:
        """As `network`, with the logits of action units in place of those of classes."""
        return _network(self.method, self.record, self.state, units=True).eval()

    @cached_property
    def recipe(self) -> Recipe:
        """The preprocessing of the method."""
        return self.method.steps

    def scores(self, inputs: FloatArray) -> FloatArray:
        """Class scores of prepared clips; each alone, so that none depends on those beside it.

        Args:
            inputs: Shape ``(clips, *input_shape)``.

        Returns:
            Shape ``(clips, classes)``; what a score is, `ModelRecord.meaning` says.

        Raises:
            DataError: Another shape, values that are not finite, or a broken model.
        """
        self._require_inputs(inputs)
        clips = torch.from_numpy(np.array(inputs, dtype=np.float32))  # a copy: torch wants it so
        module = self.module  # made outside, so that its weights can have gradients elsewhere
        with torch.inference_mode():
            rows = [module(clips[i : i + 1]).numpy() for i in range(len(clips))]
        empty = np.empty((0, len(self.record.classes)), dtype=np.float32)
        return np.concatenate([empty, *rows])

    def shown_units(self, inputs: FloatArray) -> tuple[tuple[int, ...], ...]:
        """Say which action units prepared clips show; none for a model that learned no units.

        Args:
            inputs: As in `scores`.

        Raises:
            DataError: As `scores`.
        """
        self._require_inputs(inputs)
        if not self.record.units:
            return ((),) * len(inputs)
        with torch.inference_mode():
            logits = self._unit_network(torch.from_numpy(np.array(inputs, dtype=np.float32)))
        present = torch.sigmoid(logits) >= torch.tensor(self.record.unit_thresholds)
        return tuple(
            tuple(unit for unit, own in zip(self.record.units, row, strict=True) if own)
            for row in present.tolist()
        )

    def probabilities(self, inputs: FloatArray) -> NDArray[np.float64]:
        """Calibrated class probabilities of prepared clips.

        Args:
            inputs: As in `scores`.

        Returns:
            Shape ``(clips, classes)``; every row sums to 1. Its largest is the confidence, to be
            compared with `Calibration.abstain_below`, as `ModelRecord.decide` does.

        Raises:
            DataError: The model is not calibrated; and as `scores`.
        """
        found = self.record.calibration
        if found is None:
            raise DataError(
                f"The model of {self.record.method} is not calibrated, so how sure it is is not "
                "known. Train it again with an estimate (without --no-estimate)."
            )
        logits = logits_of(self.scores(inputs).astype(np.float64), self.record.kind)
        return probabilities_at(logits, found.temperatures)

    def prepare_clip(self, clip: Clip, frames: Frames | None = None) -> FloatArray:
        """Prepare what the model sees of a clip, shape `ModelRecord.input_shape`; store nothing.

        Args:
            clip: The clip.
            frames: Its frames, where they lie in memory and not in files.

        Raises:
            DataError: As `Recipe.run`; or another shape, or values that are not finite.
        """
        return self._ready(self.recipe.run(clip, frames=frames))

    def prepare_image(self, image_rgb: NDArray[np.generic], *, cropped: bool = False) -> FloatArray:
        """Prepare an image as the model's input, shape `ModelRecord.input_shape`.

        Args:
            image_rgb: As in `Recipe.run_image`.
            cropped: It is a face and little else: none is looked for.

        Raises:
            ConfigError: The method looks at motion.
            DataError: There is no face in it, and as `prepare_clip`.
        """
        return self._ready(self.recipe.run_image(image_rgb, cropped=cropped))

    def _ready(self, array: FloatArray) -> FloatArray:
        if self.record.input_shape[0] == 1 and len(array) == 3 and self.recipe.flow is None:
            luma = np.array(LUMA, np.float32)  # a model of gray images
            array = np.tensordot(luma, array, axes=1)[None]
        self._require_inputs(array[None])
        return array

    def _require_inputs(self, inputs: FloatArray) -> None:
        if inputs.shape[1:] != self.record.input_shape:
            raise DataError(
                f"The model takes clips of shape {self.record.input_shape}, found "
                f"{inputs.shape[1:]}. Prepare them with its own recipe, from frames of the size "
                "that it was trained on."
            )
        if not np.isfinite(inputs).all():
            raise DataError("The prepared clip has values that are not finite. Check its images.")


def plain_names(state: Mapping[str, NDArray[np.generic]]) -> dict[str, Tensor]:
    """Return a trained network's arrays under the names that its model has for them.

    Args:
        state: As `FitResult.state`, named as in `build_network`.
    """
    return {_renamed(name, back=True): torch.tensor(value) for name, value in state.items()}


def _renamed(name: str, *, back: bool) -> str:
    for ours, theirs in _PARTS.items():
        old, new = (theirs, ours) if back else (ours, theirs)
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _network(
    method: Method, record: ModelRecord, state: Mapping[str, Tensor], *, units: bool = False
) -> nn.Module:
    if method.model is None or not isinstance(method.training, NetworkTraining):
        raise DataError(f"Method {method.name} has no [model]. Train it again.")
    spec = method.network_spec(len(record.classes), record.input_shape)
    try:
        network = trained_network(
            spec, {_renamed(name, back=False): v for name, v in state.items()}, units=units
        )
    except RuntimeError as error:
        raise DataError(
            f"The weights do not fit the model {spec.model.name!r} of method {method.name}: "
            f"{error}. Train it again with this version of OpenMER."
        ) from error
    return network
