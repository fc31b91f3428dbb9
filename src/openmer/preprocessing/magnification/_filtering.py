"""Temporal filters on tensors: as matrices, which run wherever the tensor is.

Every filter starts as if the first frame had always been shown, and none lets a constant pass;
so they work on the distance from the first frame, which is small and exactly zero in a still clip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openmer.preprocessing.magnification._filters import (
    Design,
    filter_course,
    frequency_bins,
    holds,
)

BLOCK_VALUES = 2**19  # values worked on at a time: few enough for a core's cache

_MATRIX_FRAMES = 512  # up to here a filter is one matrix; beyond, a transform is faster
_MOST_WAVES = 256  # beyond, a transform of every pixel is faster


def frames_per_piece(clip: Tensor) -> int:
    """Frames per piece: what a core's cache holds, or enough to keep a GPU busy."""
    values = BLOCK_VALUES if clip.device.type == "cpu" else 64 * BLOCK_VALUES
    return max(1, values // clip[0].numel())


def few_waves(design: Design, clip: Tensor) -> Tensor | None:
    """Return the waves that an ideal filter keeps of a clip, as an orthonormal basis.

    Returns:
        Shape ``(time, waves)``; None where the filter is another one, or they are too many to be
        cheaper than frames.
    """
    if design.sections is not None:
        return None
    frames = len(clip)
    numbers = np.flatnonzero(holds(design, frequency_bins(frames, design.fps)))
    if not 0 < 2 * len(numbers) <= min(frames // 4, _MOST_WAVES):
        return None
    phase = 2 * np.pi / frames * np.outer(np.arange(frames), numbers)
    waves = np.hstack([np.cos(phase), np.sin(phase[:, 2 * numbers < frames])])
    return torch.from_numpy(waves / np.linalg.norm(waves, axis=0)).to(clip)


def filter_rows(design: Design, n_frames: int, wanted: Sequence[int]) -> NDArray[np.float64]:
    """Return the weight of each frame of a clip in some frames of the filtered one.

    Args:
        design: The filter.
        n_frames: Frames of the clip, at least two.
        wanted: Numbers of the filtered frames.

    Returns:
        Shape ``(wanted, n_frames)``.
    """
    rows = np.empty((len(wanted), n_frames))
    for start in range(0, n_frames, _MATRIX_FRAMES):
        # Impulses at a few of the frames; all of them would be a square of a long clip.
        impulses = np.eye(n_frames, min(_MATRIX_FRAMES, n_frames - start), -start)
        rows[:, start : start + impulses.shape[1]] = filter_course(design, impulses)[list(wanted)]
    return rows


def filter_whole(series: Tensor, design: Design) -> None:
    """Filter in place the distance of frames from the first one, shape ``(time, values)``."""
    passes = _whole_filter(design, series)
    for part in torch.split(series, max(1, 2 * BLOCK_VALUES // len(series)), dim=1):
        part.copy_(passes(part))


def _whole_filter(design: Design, series: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the filter as a function of frames ``(time, values)``."""
    frames = len(series)
    if frames <= _MATRIX_FRAMES:
        matrix = torch.from_numpy(filter_course(design, np.eye(frames))).to(series)
        return lambda part: matrix @ part
    if design.sections is None:
        inside = torch.as_tensor(holds(design, frequency_bins(frames, design.fps)))
        gain = inside.to(series)[:, None]
        return lambda part: torch.fft.irfft(torch.fft.rfft(part, dim=0) * gain, frames, dim=0)
    return lambda part: torch.from_numpy(filter_course(design, part.double().cpu().numpy()))
