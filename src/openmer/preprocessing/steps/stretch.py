"""The step that makes 8 bits of an array."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError
from openmer.preprocessing.steps._step import (
    AVERAGED_FLOW,
    DYNAMIC_IMAGE,
    FLOW,
    STRETCHED_FLOW,
    STRETCHED_IMAGE,
    Array,
    Step,
)


class StretchStep(Step):
    """Stretch each channel of the clip to 0..255 and round: the form of the STSTNet authors."""

    gives: ClassVar = {
        FLOW: STRETCHED_FLOW,
        AVERAGED_FLOW: STRETCHED_FLOW,
        DYNAMIC_IMAGE: STRETCHED_IMAGE,
    }

    step: Literal["stretch"] = "stretch"

    def change(self, array: Array) -> Array:
        """Return the same shape, whole numbers in 0..255."""
        return stretch_8bit(array)


def stretch_8bit(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each channel stretched from its own least..greatest value to 0..255 and rounded.

    This is how the authors of STSTNet store flow: 8-bit images without the true magnitude. Zero
    motion has no fixed value in them. A constant channel becomes 0.

    Args:
        array: Any finite values, shape ``(channels, height, width)``.

    Returns:
        Whole numbers in 0..255 as float32, shape ``(channels, height, width)``.

    Raises:
        DataError: A value is not finite.

    References:
        Liong, Gan, See, Khor, Huang (2019), Shallow triple stream three-dimensional CNN (STSTNet)
        for micro-expression recognition.
    """
    if not np.isfinite(array).all():
        raise DataError("Stretching needs finite values, found NaN or infinity.")
    values = array.astype(np.float64)
    least = values.min(axis=(-2, -1), keepdims=True)
    spread = values.max(axis=(-2, -1), keepdims=True) - least
    share = (values - least) / np.where(spread == 0, 1.0, spread)
    levels: NDArray[np.float64] = np.rint(share * 255)
    return levels.astype(np.float32)
