"""The step that appends optical strain: how much the skin is deformed, however the head moved."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError
from openmer.preprocessing.steps._step import FLOW, Array, Step


class StrainStep(Step):
    """Append the optical strain: ``(u, v)`` becomes ``(u, v, strain)``."""

    gives: ClassVar = {FLOW: FLOW}

    step: Literal["strain"] = "strain"

    def change(self, array: Array) -> Array:
        """Turn ``(2, height, width)`` to ``(3, height, width)``."""
        return np.concatenate([array, optical_strain(array)])

    def channels(self, before: int) -> int:
        """Return 1 more."""
        return before + 1


def optical_strain(flow_xy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Magnitude of the symmetric gradient of a flow field; a rigid motion has none.

    ``sqrt(u_x**2 + v_y**2 + (u_y + v_x)**2 / 2)``, the Frobenius norm of the infinitesimal strain
    tensor, whose two equal shear entries are ``(u_y + v_x) / 2``. Derivatives are central
    differences, one-sided at the border.

    Args:
        flow_xy: Displacement in pixels, shape ``(2, height, width)``, at least 2 x 2; channel 0 is
            u (right), channel 1 is v (down).

    Returns:
        Strain, unitless, never negative, float32, shape ``(1, height, width)``.

    Raises:
        DataError: `flow_xy` has another shape.

    References:
        Shreve, Godavarthy, Goldgof, Sarkar (2011), Macro- and micro-expression spotting in long
        videos using spatio-temporal strain.

    Differences:
        None known.
    """
    if flow_xy.ndim != 3 or flow_xy.shape[0] != 2 or min(flow_xy.shape) < 2:
        raise DataError(
            f"Strain needs a flow field of shape (2, height, width), at least 2 x 2, found "
            f"{flow_xy.shape}."
        )
    u_y, u_x = np.gradient(flow_xy[0].astype(np.float64))
    v_y, v_x = np.gradient(flow_xy[1].astype(np.float64))
    strain: NDArray[np.float64] = np.sqrt(u_x**2 + v_y**2 + (u_y + v_x) ** 2 / 2)
    return strain.astype(np.float32)[np.newaxis]
