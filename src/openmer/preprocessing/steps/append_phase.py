"""The step that appends how far the local phase of the frames moved from onset to apex."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np
import scipy  # its parts come when they are asked for
from numpy.typing import NDArray
from pydantic import Field

from openmer.errors import ConfigError
from openmer.preprocessing.flow._resample import resize_image
from openmer.preprocessing.steps._apex import to_gray
from openmer.preprocessing.steps._step import FLOW, Array, ClipData, Step

FLOW_AND_PHASE = "flow and phase"
_TINY = 1e-9

Planes = NDArray[np.float64]


class AppendPhaseStep(Step):
    """Append the change of the local phase to u and v, in radians, at the size of the flow.

    Of the frames that the flow leads between. Stands directly behind `flow`, in place of `strain`.
    Liong, Wong (2017), APSIPA ASC: Bi-WOOF + Phase.

    Attributes:
        bands: Octaves of the pyramid, the finest first; each counts by its amplitude.
    """

    gives: ClassVar = {FLOW: FLOW_AND_PHASE}

    step: Literal["append_phase"] = "append_phase"
    bands: int = Field(default=3, ge=1, le=8)

    def channels(self, before: int) -> int:
        """Return 3, for u, v and the phase.

        Raises:
            ConfigError: There is strain already.
        """
        if before != 2:
            raise ConfigError(
                f"The step 'append_phase' takes u and v, found {before} channels. Put it in the "
                "place of 'strain'."
            )
        return 3

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with an array of ``(3, height, width)``."""
        images = [to_gray(frame) for frame in data.frames.at(*data.numbers)]
        if images[0].shape != data.array.shape[1:]:
            images = [resize_image(image, data.array.shape[-1]) for image in images]
        change = phase_change(images[0], images[1], self.bands)
        return replace(data, array=np.concatenate([data.array, change[None]]))


def phase_change(first: Array, second: Array, bands: int = 3) -> Array:
    """Return by how much the local phase differs between two images, in radians, 0..pi.

    Each image is taken apart into bands an octave wide; the Riesz transform of a band gives its
    amplitude, its local phase and the direction that the phase runs in. The change of phase and
    direction together is the length of the logarithm of one monogenic signal times the conjugate of
    the other; bands are averaged by the amplitude of the smaller one.

    Args:
        first: Gray levels, shape ``(height, width)``.
        second: Same shape.
        bands: Octaves, the finest first.

    Returns:
        float32, shape ``(height, width)``; 0 where both are flat.

    References:
        Felsberg, Sommer (2001), The monogenic signal, IEEE TSP 49; Wadhwa et al. (2014), Riesz
        pyramids for fast phase-based video magnification, ICCP.
    """
    total = np.zeros(first.shape)
    weights = np.zeros(first.shape)
    for one, other in zip(_monogenic(first, bands), _monogenic(second, bands), strict=True):
        lengths = np.linalg.norm(one, axis=0), np.linalg.norm(other, axis=0)
        cosine = (one * other).sum(0) / (lengths[0] * lengths[1] + _TINY)
        weight = np.minimum(*lengths)
        total += weight * np.arccos(np.clip(cosine, -1, 1))
        weights += weight
    return (total / (weights + _TINY)).astype(np.float32)


def _monogenic(image: Array, bands: int) -> list[Planes]:
    """Return each band with its Riesz transform, ``(3, height, width)``, the finest first."""
    down = np.fft.fftfreq(image.shape[0])[:, None]
    right = np.fft.rfftfreq(image.shape[1])[None]
    radius = np.hypot(down, right)
    turns = np.stack([np.ones_like(radius), *(1j * a / (radius + _TINY) for a in (down, right))])
    smooth = [image.astype(np.float64)]
    for band in range(bands):
        smooth.append(scipy.ndimage.gaussian_filter(smooth[0], 2**band, mode="nearest"))
    found = []
    for finer, coarser in pairwise(smooth):
        spectrum = np.fft.rfft2(finer - coarser)
        found.append(np.fft.irfft2(turns * spectrum, s=image.shape))
    return found
