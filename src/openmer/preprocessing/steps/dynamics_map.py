"""The step that gives the principal motion of cuboids of a clip."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from openmer.errors import ConfigError
from openmer.preprocessing.flow._flow import flow_method, optical_flow
from openmer.preprocessing.flow._resample import resize_image
from openmer.preprocessing.steps._step import ALL_FRAMES, Array, ClipData, Step
from openmer.preprocessing.steps.flow_series import flipped_series
from openmer.preprocessing.steps.frame_series import spaced

_ROUNDS = 20

Vectors = NDArray[np.float64]


class DynamicsMapStep(Step):
    """FDM: the principal motion of cuboids, u and v of the first period, of the second, ...

    Flow between neighbours of `n_frames` + 1 frames, evenly spaced from onset to offset, less the
    shift that most pixels share; then in each cuboid of `size` x `size` cells and `periods` parts
    of the time the mean of the vectors that point its way. Xu, Zhang, Wang (2017), IEEE
    Transactions on Affective Computing 8.

    Attributes:
        method: As of the step `flow`.
        n_frames: Flow fields; a multiple of `periods`.
        periods: Parts of the time.
        pixels: Frames become squares of this many pixels first; 0 keeps their own size.
        size: Cells along a side; must divide the sides of the frames.
    """

    gives: ClassVar = dict.fromkeys(ALL_FRAMES, "dynamics map")
    of_movement: ClassVar = True

    step: Literal["dynamics_map"] = "dynamics_map"
    method: str = "tvl1"
    n_frames: int = Field(ge=1)
    periods: int = Field(ge=1)
    pixels: int = Field(default=0, ge=0)
    size: int = Field(ge=1)

    @model_validator(mode="after")
    def _fits(self) -> DynamicsMapStep:
        if self.n_frames % self.periods or self.pixels % self.size:
            raise ConfigError(
                f"The step 'dynamics_map' has {self.n_frames} n_frames in {self.periods} periods "
                f"and {self.pixels} pixels in {self.size} cells; give multiples."
            )
        return self

    def channels(self, before: int) -> int:  # noqa: ARG002
        """Return 2 for each period."""
        return 2 * self.periods

    def record(self) -> dict[str, object]:
        """Return what its numbers depend on, the version of the method included."""
        return {**super().record(), "method_version": flow_method(self.method).version}

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with the map.

        Raises:
            DataError: The clip has no onset and later offset.
            ConfigError: The cells do not divide the sides of the frames.
        """
        numbers = self.reads(data.clip, data.apex)
        frames = spaced(data, self.n_frames + 1, numbers)
        sized = [resize_image(f, self.pixels) if self.pixels else f for f in frames]
        pairs = pairwise(sized)
        flows = np.stack([optical_flow(*pair, method=self.method) for pair in pairs])
        aligned = flows - np.stack([shared_shift(flow) for flow in flows])[..., None, None]
        return replace(data, numbers=numbers, array=self._map(aligned))

    def _map(self, flows: Vectors) -> Array:
        """Return ``(2 * periods, size, size)`` of aligned flow fields ``(time, 2, h, w)``."""
        height, width = flows.shape[2:]
        if height % self.size or width % self.size:
            raise ConfigError(
                f"The step 'dynamics_map' has {self.size} cells for {width} x {height} pixels. "
                "Give a number that divides both, or pixels."
            )
        cuboids = flows.reshape(
            self.periods, -1, 2, self.size, height // self.size, self.size, width // self.size
        )
        vectors = np.moveaxis(cuboids, (0, 2, 3, 5), (0, 1, 2, 3))
        found = principal_motion(vectors.reshape(self.periods, 2, self.size, self.size, -1))
        return found.reshape(-1, self.size, self.size).astype(np.float32)

    def flip(self, array: Array, kind: str) -> Array:  # noqa: ARG002
        """Return the map of the flipped clip."""
        return flipped_series(array)


def shared_shift(flow: Array) -> Vectors:
    """Return the shift, u and v, about which half of the vectors of a field lie closest.

    From the medians on, the mean of the closer half is taken until it stays.

    Args:
        flow: Shape ``(2, height, width)``.
    """
    vectors = flow.reshape(2, -1).astype(np.float64)
    shift = np.median(vectors, axis=1)
    for _ in range(_ROUNDS):
        far = np.hypot(*(vectors - shift[:, None]))
        closer = vectors[:, far <= np.median(far)].mean(1)
        if np.allclose(closer, shift, atol=1e-6):
            break
        shift = closer
    return np.asarray(shift)


def principal_motion(vectors: Vectors) -> Vectors:
    """Return the mean of the vectors within a right angle of it, u and v.

    From the mean of all on, those that point away from it are left out until it stays.

    Args:
        vectors: u and v in axis 1, vectors in the last one.

    Returns:
        The same shape without the last axis.
    """
    mean: Vectors = vectors.mean(-1)
    for _ in range(_ROUNDS):
        with_it = (vectors * mean[..., None]).sum(1, keepdims=True) >= 0
        next_mean = (vectors * with_it).sum(-1) / np.maximum(with_it.sum(-1), 1)
        if np.allclose(next_mean, mean, atol=1e-9):
            break
        mean = next_mean
    return mean
