"""The dynamic image: a whole clip as one image, by approximate rank pooling.

A ranking function that tells later frames from earlier ones is a direction in the space of frames;
its first-order approximation is a weighted sum of the frames, and can be looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError


def dynamic_image(frames: NDArray[Any], *, averaged: bool = True) -> NDArray[np.float64]:
    """Compute the weighted sum of a clip's frames that approximates rank pooling.

    Args:
        frames: Any finite values, shape ``(time, ...)``, at least two frames.
        averaged: As in `rank_pooling_weights`.

    Returns:
        float64, shape of one frame; signed, in the unit of the frames times the weights, whose sum
        is zero: a clip that stands still gives zeros. `stretch_8bit` makes an image of it.

    Raises:
        DataError: There are fewer than two frames, or values are not finite.
    """
    weights = rank_pooling_weights(len(frames) if frames.ndim else 0, averaged=averaged)
    return pooled(frames, weights)


def pooled(frames: Iterable[NDArray[Any]], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up weighted frames that come one by one.

    Args:
        frames: Any finite values, each of one shape; as many as there are weights.
        weights: Their sum is zero, as that of `rank_pooling_weights`.

    Returns:
        float64, shape of one frame.
    """
    come = iter(frames)
    first = next(come).astype(np.float64)
    total = np.zeros_like(first)
    for weight, frame in zip(weights[1:], come, strict=True):
        # Relative to the first frame, a still clip is exactly zero.
        total += weight * (frame - first)
    if not np.isfinite(total).all():
        raise DataError("Found NaN or infinity in the frames; repair or drop these frames.")
    return total


def rank_pooling_weights(n_frames: int, *, averaged: bool = True) -> NDArray[np.float64]:
    """Weight of each frame in the dynamic image.

    With t = 1..T and ``H_t = 1 + 1/2 + ... + 1/t``:
    ``2 (T - t + 1) - (T + 1) (H_T - H_{t-1})`` where averaged, else ``2 t - T - 1``.

    Args:
        n_frames: T, at least 2.
        averaged: Rank the running means of the frames, as the paper does, which smooths over
            noise; False ranks the frames themselves.

    Returns:
        Shape ``(n_frames,)``; they sum to zero.

    References:
        Bilen, Fernando, Gavves, Vedaldi, Gould (2016), Dynamic image networks for action
        recognition.

    Differences:
        None known. The paper leaves the scale open; this is the sum over all pairs of a later and
        an earlier frame, not divided by anything.
    """
    if n_frames < 2:
        raise DataError(
            f"Found {n_frames} frame(s); a dynamic image needs at least 2. Give a longer clip."
        )
    t = np.arange(1, n_frames + 1)
    if not averaged:
        return (2 * t - n_frames - 1).astype(np.float64)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / t)])
    return np.asarray(2.0 * (n_frames - t + 1) - (n_frames + 1) * (harmonic[-1] - harmonic[:-1]))
