"""Euler video magnification: make a movement (1 + alpha) times as large, without tracking it.

Seen at one pixel, a small displacement d(t) changes the brightness by d(t) times the slope of the
image. A band-pass along time isolates that change, a pyramid splits it by size, and adding it back
alpha times shows about ``f(x + (1 + alpha) d)``, as long as ``(1 + alpha) d`` is below an eighth of
the wavelength of what moves (`linear_limit_px`). Frames in, frames out; importing this module
imports PyTorch.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openmer.errors import DataError
from openmer.preprocessing.magnification._filtering import (
    BLOCK_VALUES,
    few_waves,
    filter_rows,
    filter_whole,
    frames_per_piece,
)
from openmer.preprocessing.magnification._filters import (
    Band,
    Design,
    TemporalFilter,
    band_report,
    design_filter,
    frequency_bins,
    holds,
)
from openmer.preprocessing.magnification._kernels import FrameSums
from openmer.preprocessing.magnification._pyramids import SMALLEST_PX
from openmer.preprocessing.magnification._settings import Look, MagnifySettings, look_for

Frames = TypeVar("Frames", Tensor, NDArray[np.floating[Any]])

_AS_THEY_ARE = MagnifySettings()


class EmptyBandWarning(UserWarning):
    """The band holds no frequency bin of the clip, so that nothing was magnified."""


def magnify(
    frames: Frames,
    *,
    fps: float | Fraction,
    alpha: float,
    band_hz: Band | None,
    filter: TemporalFilter | str = "butterworth",  # noqa: A002  # the field's word
    settings: MagnifySettings = _AS_THEY_ARE,
) -> Frames:
    """Magnify the movements of a clip that lie in a band of frequencies.

    Work memory beyond the result is at most that of the clip, and less where `finest_level` is
    above 0 or the filter ideal.

    Args:
        frames: Float32 or float64, shape ``(time, height, width)`` or ``(time, height, width,
            channels)`` with 1 or 3 channels (red, green, blue), at least two frames of 7 x 7
            pixels, brightness in 0..1; a tensor on any device or an array. There is no batch axis:
            call once per clip.
        fps: Frames per second.
        alpha: Extra movement: 0 changes nothing, 15 makes a movement 16 times as large.
        band_hz: Lower and upper edge of the band in Hz, ``0 < low < high <= fps / 2``; None only
            with the `r1` and `r2` of a first-order filter.
        filter: "ideal", "butterworth" (forward and backward), "iir", or a record of
            `temporal_filters` with other settings. `temporal_filters.band_report` says what it
            does to a clip of this length.
        settings: Pyramid and colour.

    Returns:
        Frames of the same kind, type and shape (but see `colour`), not cut to 0..1 unless asked.

    Warns:
        EmptyBandWarning: The filter is ideal and the band holds no bin of the clip: the result is
            the clip.

    Raises:
        ConfigError: A setting is out of its range.
        DataError: The frames have another shape or type, are too few or too small, or not finite.

    References:
        Wu, Rubinstein, Shih, Guttag, Durand, Freeman (2012), Eulerian video magnification for
        revealing subtle changes in the world.

    Differences:
        The wavelength of a band is taken as ``4 * 2**level`` pixels, not from the diagonal of the
        frame; gains below zero are zero. Unless `settings` ask for it, no band is left out and none
        is limited, since both make the movement smaller than (1 + alpha) d. All stages are linear:
        Laplacian bands are put together from Gaussian levels, and with an ideal filter of few
        bins the pyramid is made of one image per wave in time, not per frame; the numbers are the
        same.
    """
    clip = _checked(frames, fewest=2)
    design = design_filter(filter, fps=fps, band_hz=band_hz)
    look = look_for(clip, alpha, settings)
    if _is_empty(design, len(clip)):
        _warn_of_empty_band(design, len(clip))
        look = look_for(clip, 0.0, settings)
    with torch.no_grad():
        result = torch.empty_like(look.shown(clip))
        basis = few_waves(design, clip)
        if basis is None:
            _by_frames(clip, look, design, result)
        else:
            _by_waves(clip, look, basis, result)
        if settings.clip:
            result.clamp_(0, 1)
    return _as_given(result, frames)


def magnify_some(
    pieces: Iterable[Frames],
    *,
    n_frames: int,
    wanted: Sequence[int],
    fps: float | Fraction,
    alpha: float,
    band_hz: Band | None,
    filter: TemporalFilter | str = "butterworth",  # noqa: A002  # the field's word
    settings: MagnifySettings = _AS_THEY_ARE,
) -> Frames:
    """Magnify some frames by any filter, in memory for these frames and one piece.

    All stages are linear: a magnified frame is that frame and one weighted sum of all frames, with
    the gains of the pyramid. The clip is read once.

    Args:
        pieces: Consecutive pieces of one clip, each as `frames` in `magnify`; a piece may have a
            single frame.
        n_frames: Frames of the clip, at least two.
        wanted: Numbers of the frames to give, from 0, in any order.
        fps: As in `magnify`.
        alpha: As in `magnify`.
        band_hz: As in `magnify`.
        filter: As in `magnify`.
        settings: As in `magnify`.

    Returns:
        ``magnify(clip, ...)[wanted]`` within float tolerance.

    Warns:
        EmptyBandWarning: As in `magnify`.

    Raises:
        ConfigError: A setting is out of its range.
        DataError: A piece is not as described, there are not `n_frames` frames, or a number in
            `wanted` is none of them.
    """
    if any(not 0 <= number < n_frames for number in wanted):
        raise DataError(f"wanted is {list(wanted)}, expected numbers in 0..{n_frames - 1}.")
    design = design_filter(filter, fps=fps, band_hz=band_hz)
    if _is_empty(design, n_frames):
        _warn_of_empty_band(design, n_frames)
        alpha = 0.0
    sums = FrameSums(filter_rows(design, n_frames, wanted), wanted, alpha, settings)
    given = None
    with torch.no_grad():
        for piece in pieces:
            sums.add(_checked(piece, fewest=1))
            given = piece
        if given is None or sums.seen != n_frames:
            raise DataError(f"Found {sums.seen} frames, expected {n_frames}; give all of them.")
        return _as_given(sums.result(), given)


def linear_limit_px(alpha: float, wavelength_px: float) -> float:
    """Return the largest movement in pixels that `alpha` still magnifies truly at a wavelength.

    ``(1 + alpha) d < wavelength / 8``, the bound of Wu et al. (2012).
    """
    return wavelength_px / (8 * (1 + alpha))


def _warn_of_empty_band(design: Design, n_frames: int) -> None:
    report = band_report(n_frames, design.fps, design.band_hz, design.filter)
    hint = "Give a band that holds a bin, or another filter."
    warnings.warn(f"{report} {hint}", EmptyBandWarning, stacklevel=3)


def _by_frames(clip: Tensor, look: Look, design: Design, result: Tensor) -> None:
    """Magnify into `result`: each frame through the pyramid, and the filter in between."""
    pieces = torch.split(clip, frames_per_piece(clip))
    smalls = (look.small(look.source(piece)) for piece in pieces)
    changes = _whole(smalls, design)
    for target, piece, change in zip(
        torch.split(result, len(pieces[0])), pieces, changes, strict=True
    ):
        look.put(target, piece, change)


def _whole(smalls: Iterable[Tensor], design: Design) -> Iterator[Tensor]:
    """Yield what passes a filter, piece by piece."""
    kept = list(smalls)
    lengths = [len(small) for small in kept]
    series = torch.cat(kept).contiguous()
    del kept
    series -= series[0].clone()
    filter_whole(series.view(len(series), -1), design)
    yield from torch.split(series, lengths)


def _by_waves(clip: Tensor, look: Look, basis: Tensor, result: Tensor) -> None:
    """Magnify into `result`: an image for each of a few waves in time, these through the pyramid.

    All stages are linear, so that this gives the same as `_by_frames`.
    """
    source = look.source(clip)
    flat = source.reshape(len(source), -1)
    images = flat.new_empty(basis.shape[1], flat.shape[1])
    step = max(1, BLOCK_VALUES // len(flat))
    for part, image in zip(torch.split(flat, step, 1), torch.split(images, step, 1), strict=True):
        image.copy_(basis.T @ (part - part[0]))
    change = look.large(look.small(images.view(-1, *source.shape[1:])), result)
    change = change.expand(-1, *result.shape[1:]).reshape(len(change), -1)
    step = frames_per_piece(clip)
    for target, piece, waves in zip(
        torch.split(result, step), torch.split(clip, step), torch.split(basis, step), strict=True
    ):
        frames = look.shown(piece).reshape(len(piece), -1)
        torch.addmm(frames, waves, change, out=target.view(len(piece), -1))


def _checked(frames: Tensor | NDArray[Any], *, fewest: int) -> Tensor:
    """Return the frames as a tensor; refuse wrong types and values."""
    kind = str(frames.dtype).removeprefix("torch.")
    if kind not in ("float32", "float64"):
        raise DataError(
            f"Found frames of type {kind}; give float32 or float64 in 0..1 (divide 8-bit frames by "
            "255)."
        )
    if isinstance(frames, np.ndarray):
        # PyTorch wants memory that it may write to and that runs forwards.
        clip = torch.from_numpy(np.require(frames, requirements=["C", "W"]))
    else:
        clip = frames.detach()
    if clip.ndim not in (3, 4) or (clip.ndim == 4 and clip.shape[3] not in (1, 3)):
        raise DataError(
            f"Found frames of shape {tuple(clip.shape)}; give (time, height, width) or (time, "
            "height, width, channels) with 1 or 3 channels."
        )
    smallest = 2 * SMALLEST_PX - 1
    if len(clip) < fewest or min(clip.shape[1:3]) < smallest:
        raise DataError(
            f"Found {len(clip)} frame(s) of {clip.shape[2]} x {clip.shape[1]} px; give at least "
            f"{fewest}, of {smallest} x {smallest} px or more."
        )
    if not torch.isfinite(clip.sum()):
        raise DataError("Found NaN or infinity in the frames; repair or drop these frames.")
    return clip


def _is_empty(design: Design, n_frames: int) -> bool:
    """Whether an ideal filter has nothing to pass."""
    return design.sections is None and not holds(design, frequency_bins(n_frames, design.fps)).any()


def _as_given(result: Tensor, given: Frames) -> Frames:
    """Return a tensor for a tensor, an array for an array."""
    if isinstance(given, Tensor):
        return result
    array: NDArray[np.floating[Any]] = result.numpy()
    return array
