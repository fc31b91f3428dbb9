"""Other sizes and other scales of images and flow fields, and their flipped image."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

AnyArray = TypeVar("AnyArray", "NDArray[np.float32]", "Tensor")


def resize_image(image: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Resize an image, or each channel of one, to a square; values keep their unit.

    An axis that shrinks is averaged over the area of the new pixels, one that grows is
    interpolated linearly.

    Args:
        image: Shape ``(height, width)`` or ``(channels, height, width)``.
        size: New height and width in pixels.

    Returns:
        float32, shape ``(size, size)`` or ``(channels, size, size)``.

    Raises:
        DataError: `image` has another number of axes, or the size is below 1.
    """
    if image.ndim not in (2, 3) or not image.size or size < 1:
        raise DataError(
            f"Resizing needs an image (height, width) or (channels, height, width) and a size of "
            f"at least 1, found shape {image.shape} and size {size}."
        )
    channels = image.reshape(-1, *image.shape[-2:])
    resized = np.stack([_resize_plane(channel, size) for channel in channels])
    return resized.reshape(*image.shape[:-2], size, size)


def resize_flow(flow: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Resize a flow field to a square, in pixels of the new size: half the width, half of u.

    Args:
        flow: Displacement in pixels, shape ``(2, height, width)``: u (right), v (down); or
            ``(3, height, width)`` with strain, which has no unit and keeps its values.
        size: New height and width in pixels.

    Returns:
        float32, shape ``(2, size, size)`` or ``(3, size, size)``.

    Raises:
        DataError: `flow` has another shape, or the size is below 1.
    """
    if flow.ndim != 3 or flow.shape[0] not in (2, 3):
        raise DataError(
            f"Expected flow of shape (2, height, width), or 3 with strain, found {flow.shape}."
        )
    height, width = flow.shape[1:]
    resized = resize_image(flow, size)
    resized[0] *= np.float32(size / width)
    resized[1] *= np.float32(size / height)
    return resized


def average(array: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Means over a grid of `size` x `size` equal cells; values keep their unit.

    Args:
        array: Shape ``(channels, height, width)``, no side shorter than `size`. Sides that `size`
            does not divide are averaged with the share that each pixel has in a cell.
        size: Cells per side.

    Returns:
        float32, shape ``(channels, size, size)``.

    Raises:
        DataError: `array` has another number of axes or is smaller than the grid.
    """
    if array.ndim != 3 or not 1 <= size <= min(array.shape[1:]):
        raise DataError(
            f"Averaging to {size} x {size} needs an array (channels, height, width) that is not "
            f"smaller, found shape {array.shape}. Choose a smaller size."
        )
    return resize_image(array, size)


def flip_flow(flow: AnyArray, *, stretched: bool = False) -> AnyArray:
    """Flip a flow field: left and right swap, and u changes its direction.

    Args:
        flow: An array or a tensor, shape ``(..., channels, height, width)``, at least one channel:
            u, then v, strain or others that know no left and right.
        stretched: The values are of the 8-bit form in 0..255, in which u becomes 255 - u.

    Returns:
        A new array of the same shape and type.

    Raises:
        DataError: `flow` has fewer than three axes.
    """
    if flow.ndim < 3:
        raise DataError(f"Expected flow of shape (channels, height, width), found {flow.shape}.")
    flipped = flow[..., ::-1].copy() if isinstance(flow, np.ndarray) else flow.flip(-1)
    flipped[..., 0, :, :] = (255 if stretched else 0) - flipped[..., 0, :, :]
    return flipped


def _resize_plane(plane: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """One ``(height, width)`` plane, each axis averaged where it shrinks, else interpolated."""
    height, width = plane.shape
    values = np.ascontiguousarray(plane, dtype=np.float32)
    for shape, before in (((size, height), width), ((size, size), height)):
        how = cv2.INTER_AREA if size < before else cv2.INTER_LINEAR
        values = np.asarray(cv2.resize(values, shape, interpolation=how), dtype=np.float32)
    return values
