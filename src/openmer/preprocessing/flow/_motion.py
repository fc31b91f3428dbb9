"""Motion of the face, whatever its scale and however the head moved: on arrays or on tensors.

All but `recover_flow` take any axes before ``(channels, height, width)``, keep the type of the
values, and map zero motion to zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

AnyArray = TypeVar("AnyArray", "NDArray[np.floating]", "Tensor")

RATIOS = np.exp(np.linspace(-2, 2, 81))
_IMAGE = (-2, -1)


def recover_flow(flow: NDArray[np.float32], *, stretched: bool) -> NDArray[np.float64]:
    """Take the motion of the head as a whole and the unit out of flow.

    The 8-bit form gives u and v a scale of their own in each clip. Strain, which is made of both,
    tells their ratio: the one of `RATIOS` whose strain correlates best with the given one.

    Args:
        flow: u, v and strain, shape ``(3, height, width)``, at least 4 x 4.
        stretched: The values are of the 8-bit form in 0..255; else u and v have one scale.

    Returns:
        u and v less their medians, over the root mean square of their length; and strain over twice
        its mean; shape ``(3, height, width)``.
    """
    if flow.ndim != 3 or len(flow) != 3 or min(flow.shape[1:]) < 4:
        raise DataError(
            f"Flow is recovered from u, v and strain, shape (3, height, width), at least 4 x 4; "
            f"found {flow.shape}. Put the step 'strain' before."
        )
    values = flow.astype(np.float64)
    ratio = scale_ratio(values) if stretched else 1.0
    motion = values[:2] * np.array([ratio, 1.0])[:, None, None]
    motion = _over(motion - _median(motion), _rms(motion - _median(motion)))
    strain = _over(values[2:], 2 * values[2:].mean())
    return np.concatenate([motion, strain])


def scale_ratio(flow: NDArray[np.float64]) -> float:
    """Find how much larger u is than its 8-bit form says, where v has the scale that it says.

    Args:
        flow: u, v and strain, shape ``(3, height, width)``; the border does not count.

    Returns:
        One of `RATIOS`; 1 where nothing correlates, as without motion.
    """
    u_x, u_y, v_x, v_y = (part[1:-1, 1:-1].ravel() for part in _derivatives(flow[:2]))
    strain = flow[2, 1:-1, 1:-1].ravel()
    r = RATIOS[:, None]
    squares = r**2 * (u_x**2 + u_y**2 / 2) + v_y**2 + v_x**2 / 2 + r * u_y * v_x
    found = np.sqrt(np.maximum(squares, 0))
    found -= found.mean(axis=1, keepdims=True)
    spread = np.sqrt((found**2).sum(axis=1))
    fit = _over(found @ (strain - strain.mean()), spread)
    return float(RATIOS[fit.argmax()]) if fit.max() > 0 else 1.0


def center_flow(array: AnyArray) -> AnyArray:
    """Subtract from each channel its median, and divide it by its root mean square."""
    centered = array - _median(array)
    return _over(centered, _mean(centered**2) ** 0.5)


def residual_flow(flow: AnyArray) -> AnyArray:
    """Take the best affine motion out of u and v; what is left has a root mean square length of 1.

    What is left of a face that moves, turns or comes nearer is the motion within it.

    Args:
        flow: u, v and perhaps strain, which stays as it is.
    """
    height, width = flow.shape[-2:]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    motion = flow[..., :2, :, :]
    motion = motion - _mean(motion)
    for along in (y + 0 * x, x + 0 * y):  # orthogonal, as each is symmetric about the middle
        axis = _like(along / np.sqrt(max((along**2).sum(), 1e-12)), flow)
        motion = motion - _sum(motion * axis, _IMAGE) * axis
    return _join([_over(motion, _rms(motion)), flow[..., 2:, :, :]])


def flow_gradients(flow: AnyArray) -> AnyArray:
    """Make divergence, curl and both shears of u and v, with a root mean square length of 1.

    Args:
        flow: u, v and perhaps strain, which is left out.

    Returns:
        ``u_x + v_y``, ``v_x - u_y``, ``u_x - v_y`` and ``u_y + v_x``, shape
        ``(..., 4, height, width)``. Flipped, the second and the fourth change their sign.
    """
    u_x, u_y, v_x, v_y = _derivatives(flow)
    parts = [u_x + v_y, v_x - u_y, u_x - v_y, u_y + v_x]
    gradients = _join([part[..., None, :, :] for part in parts])
    return _over(gradients, _rms(gradients))


def power_normalise(array: AnyArray) -> AnyArray:
    """Return the square root of each value with its sign, all values of a clip at unit length.

    References:
        Perronnin, Sanchez and Mensink (2010), Improving the Fisher kernel for large-scale image
        classification, section 3.2.
    """
    rooted = array * (abs(array) + (array == 0)) ** -0.5
    return _over(rooted, _sum(rooted**2, (-3, *_IMAGE)) ** 0.5)


def cell_means(array: AnyArray, size: int) -> AnyArray:
    """Average over a grid of `size` x `size` equal cells, each pixel with its share in a cell."""
    rows, columns = (_like(_shares(side, size), array) for side in array.shape[-2:])
    means: AnyArray = rows @ array @ columns.T
    return means


def _shares(side: int, size: int) -> NDArray[np.float64]:
    """Share of each pixel in the mean of each cell, shape ``(size, side)``."""
    edges = np.arange(size + 1) * side / size
    starts, ends = edges[:-1, None], edges[1:, None]
    pixels = np.arange(side)
    overlap = np.minimum(ends, pixels + 1) - np.maximum(starts, pixels)
    return cast("NDArray[np.float64]", np.maximum(overlap, 0) * size / side)


def _derivatives(flow: AnyArray) -> tuple[AnyArray, AnyArray, AnyArray, AnyArray]:
    """Return u_x, u_y, v_x, v_y: central differences, one-sided at the border."""
    u, v = flow[..., 0, :, :], flow[..., 1, :, :]
    height, width = flow.shape[-2:]
    down, right = _like(_difference(height), flow), _like(_difference(width).T, flow)
    return u @ right, down @ u, v @ right, down @ v


def _difference(side: int) -> NDArray[np.float64]:
    return cast("NDArray[np.float64]", np.gradient(np.eye(side), axis=0))


def _median(array: AnyArray) -> AnyArray:
    """Of each channel, shape ``(..., channels, 1, 1)``."""
    if isinstance(array, np.ndarray):
        return cast(AnyArray, np.median(array, axis=_IMAGE, keepdims=True))
    ordered = array.flatten(-2).sort(-1).values
    middle = ordered.shape[-1]
    both = ordered[..., (middle - 1) // 2] + ordered[..., middle // 2]
    return (both / 2)[..., None, None]


def _rms(array: AnyArray) -> AnyArray:
    """Return the root mean square of the length of vectors, whose parts are the channels."""
    return _mean(_sum(array**2, (-3,))) ** 0.5


def _mean(array: AnyArray) -> AnyArray:
    """Of each channel, shape ``(..., channels, 1, 1)``."""
    return _sum(array, _IMAGE) / float(array.shape[-2] * array.shape[-1])


def _sum(array: AnyArray, axes: tuple[int, ...]) -> AnyArray:
    """Sum over axes that stay, with one value each."""
    if isinstance(array, np.ndarray):
        return cast(AnyArray, array.sum(axis=axes, keepdims=True))
    return array.sum(dim=axes, keepdim=True)


def _over(array: AnyArray, scale: AnyArray) -> AnyArray:
    """Divide; where the scale is 0 the array is, too, and stays."""
    share: AnyArray = array / (scale + (scale == 0))
    return share


def _like(values: NDArray[np.float64], array: AnyArray) -> AnyArray:
    if isinstance(array, np.ndarray):
        return values.astype(array.dtype)
    return array.new_tensor(values)


def _join(parts: Sequence[AnyArray]) -> AnyArray:
    if isinstance(parts[0], np.ndarray):
        return cast(AnyArray, np.concatenate(parts, axis=-3))
    from torch import cat

    return cat(list(parts), dim=-3)
