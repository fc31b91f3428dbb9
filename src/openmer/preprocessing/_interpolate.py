"""Temporal interpolation: a clip shown with another number of frames over the same time.

Every method is a matrix of weights on the frames; its first and last row pick the first and the
last frame, and to the same number of frames it is the identity.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError, unknown_name


def interpolate_frames(
    frames: NDArray[Any], n_frames: int, *, method: str = "linear"
) -> NDArray[np.floating[Any]]:
    """Resample a clip to `n_frames` frames, evenly spaced from its first to its last frame.

    Args:
        frames: Any finite values, shape ``(time, ...)``, at least two frames.
        n_frames: Frames wanted, at least 2.
        method: "linear", "bandlimited" or "tim"; see `interpolation_weights`.

    Returns:
        float32, or float64 where `frames` are; shape ``(n_frames, ...)``. The first and the last
        frame are those of the clip.

    Raises:
        ConfigError: The method is not known.
        DataError: There are fewer than two frames, before or after, or values are not finite.
    """
    weights = interpolation_weights(len(frames) if frames.ndim else 0, n_frames, method=method)
    values = frames if frames.dtype == np.float64 else frames.astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError("Found NaN or infinity in the frames; repair or drop these frames.")
    flat = values.reshape(len(values), -1)
    between = (weights.astype(values.dtype) @ flat).reshape(n_frames, *values.shape[1:])
    between[0], between[-1] = values[0], values[-1]
    return np.asarray(between)


def interpolation_weights(
    n_before: int, n_after: int, *, method: str = "linear"
) -> NDArray[np.float64]:
    """Weight of each old frame in each new one.

    "linear" mixes the two neighbours. "bandlimited" is the straight line from the first to the last
    frame plus a sine series; with fewer frames than before, the sines that these could not show are
    left out, so that fast changes do not come back as slow ones. "tim" is the temporal
    interpolation model of the field: it passes through every frame and may overshoot between them.

    Args:
        n_before: Frames of the clip, at least 2.
        n_after: Frames wanted, at least 2.
        method: As above.

    Returns:
        Shape ``(n_after, n_before)``; each row sums to 1.

    References:
        Zhou, Zhao, Pietikäinen (2011), Towards a practical lipreading system (TIM);
        Pfister, Li, Zhao, Pietikäinen (2011), Recognising spontaneous facial micro-expressions.

    Differences:
        TIM embeds the frames in the curve ``sin(pi k t + pi (n - k) / (2 n))``, k = 1..n-1, by a
        linear map of their differences from the mean. Where the frames are linearly independent,
        as real ones are, that map is exact and the model equals the cosine series through the
        frames, which is computed here for any frames.
    """
    if method not in _METHODS:
        raise unknown_name("temporal interpolation", method, _METHODS)
    if n_before < 2 or n_after < 2:
        raise DataError(
            f"Found {n_before} frame(s) to be shown as {n_after}; interpolation needs at least 2 "
            "of both. Give a longer clip or a larger number."
        )
    if n_before == n_after:
        return np.eye(n_before)
    weights = _METHODS[method](n_before, n_after)
    weights[[0, -1]] = np.eye(n_before)[[0, -1]]
    return weights


def _linear(n_before: int, n_after: int) -> NDArray[np.float64]:
    away = np.abs(_places(n_before, n_after)[:, None] - np.arange(n_before))
    return np.asarray(np.maximum(0, 1 - away))


def _bandlimited(n_before: int, n_after: int) -> NDArray[np.float64]:
    last = n_before - 1
    waves = np.arange(1, min(n_before, n_after) - 1)
    line = np.zeros((n_after, n_before))
    share = _places(n_before, n_after) / last
    line[:, 0], line[:, -1] = 1 - share, share
    line_before = np.zeros((n_before, n_before))
    share_before = np.arange(n_before) / last
    line_before[:, 0], line_before[:, -1] = 1 - share_before, share_before
    to_series = 2 / last * np.sin(np.pi * np.outer(waves, share_before))
    from_series = np.sin(np.pi * np.outer(share, waves))
    return np.asarray(line + from_series @ (to_series @ (np.eye(n_before) - line_before)))


def _tim(n_before: int, n_after: int) -> NDArray[np.float64]:
    waves = np.arange(n_before)
    to_series = 2 / n_before * np.cos(np.pi * np.outer(waves, waves + 0.5) / n_before)
    to_series[0] /= 2
    places = _places(n_before, n_after) + 0.5
    return np.asarray(np.cos(np.pi * np.outer(places, waves) / n_before) @ to_series)


def _places(n_before: int, n_after: int) -> NDArray[np.float64]:
    """Return the positions of the new frames, counted in old frames."""
    return np.linspace(0, n_before - 1, n_after)


_METHODS: MappingProxyType[str, Callable[[int, int], NDArray[np.float64]]] = MappingProxyType(
    {"linear": _linear, "bandlimited": _bandlimited, "tim": _tim}
)
