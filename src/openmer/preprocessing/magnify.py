"""Euler video magnification: make a movement (1 + alpha) times as large, without tracking it.

Seen at one pixel, a small displacement d(t) changes the brightness by d(t) times the slope of the
image. A band-pass along time isolates that change, a pyramid splits it by size, and adding it back
alpha times shows about ``f(x + (1 + alpha) d)``, as long as ``(1 + alpha) d`` is below an eighth of
the wavelength of what moves (`linear_limit_px`). Frames in, frames out; importing this module
imports PyTorch.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, TypeVar, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import signal
from torch import Tensor

from openmer.errors import ConfigError, DataError
from openmer.preprocessing.pyramids import (
    SMALLEST_PX,
    PyramidGain,
    gaussian_weights,
    most_levels,
    pyramid_gain,
)
from openmer.preprocessing.temporal_filters import (
    Band,
    Design,
    TemporalFilter,
    band_report,
    design_filter,
    filter_course,
    frequency_bins,
    holds,
)

__all__ = [
    "EmptyBandWarning",
    "MagnifySettings",
    "level_gains",
    "linear_limit_px",
    "magnify",
    "magnify_stream",
]

Frames = TypeVar("Frames", Tensor, NDArray[np.floating[Any]])

_MATRIX_FRAMES = 512  # up to here a filter is one matrix; beyond, a transform is faster
_CAUSAL_FRAMES = 64  # frames that a causal filter takes in one multiplication
_BLOCK_VALUES = 2**18  # values worked on at a time: about what a core's cache holds
_RGB_TO_YIQ = (  # NTSC, as in Wu et al.
    (0.299, 0.587, 0.114),
    (0.595716, -0.274453, -0.321263),
    (0.211456, -0.522591, 0.311135),
)


class EmptyBandWarning(UserWarning):
    """The band holds no frequency bin of the clip, so that nothing was magnified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MagnifySettings:
    """What is magnified in space and colour.

    Attributes:
        pyramid: "laplacian" magnifies bands of sizes, each with its own gain, but not what is left
            below the coarsest. "gaussian" magnifies everything coarser than `finest_level` alike,
            the overall brightness included; `levels` and `cutoff_px` have no effect.
        levels: Bands of the Laplacian pyramid, 1 or more; None takes as many as the frame allows.
        finest_level: Bands before this one are left as they are, for they are mostly noise; 0
            magnifies all. Level n shows details of about ``4 * 2**n`` pixels.
        cutoff_px: Wavelength below which a band is magnified less, so that its movement stays in
            the linear range; 0 magnifies all bands alike.
        colour: Of a clip with three channels: "yiq" magnifies brightness fully and colour by
            `chroma_gain`; "rgb" magnifies the channels alike; "gray" drops the colour first and
            gives frames ``(time, height, width)``.
        chroma_gain: 0..1, of the two colour channels; 0 is three times as fast.
        clip: Cut the result to 0..1, as for an image file. False keeps it linear.
    """

    pyramid: Literal["laplacian", "gaussian"] = "laplacian"
    levels: int | None = None
    finest_level: int = 1
    cutoff_px: float = 16.0
    colour: Literal["yiq", "rgb", "gray"] = "yiq"
    chroma_gain: float = 0.1
    clip: bool = False

    def __post_init__(self) -> None:
        if self.pyramid not in ("laplacian", "gaussian"):
            raise ConfigError(f"pyramid is {self.pyramid!r}; give 'laplacian' or 'gaussian'.")
        if self.colour not in ("yiq", "rgb", "gray"):
            raise ConfigError(f"colour is {self.colour!r}; give 'yiq', 'rgb' or 'gray'.")
        if self.levels is not None and self.levels < 1:
            raise ConfigError(f"levels is {self.levels}; give at least 1, or None for all.")
        if self.finest_level < 0:
            raise ConfigError(f"finest_level is {self.finest_level}; give 0 or more.")
        if not (self.cutoff_px >= 0 and np.isfinite(self.cutoff_px)):
            raise ConfigError(f"cutoff_px is {self.cutoff_px}; give 0 or a wavelength in pixels.")
        if not 0 <= self.chroma_gain <= 1:
            raise ConfigError(f"chroma_gain is {self.chroma_gain}; give a number in 0..1.")


def magnify(
    frames: Frames,
    *,
    fps: float | Fraction,
    alpha: float,
    band_hz: Band | None,
    filter: TemporalFilter | str = "butterworth",  # noqa: A002  # the field's word
    settings: MagnifySettings = MagnifySettings(),  # noqa: B008  # frozen
) -> Frames:
    """Magnify the movements of a clip that lie in a band of frequencies.

    Work memory beyond the result is that of a few frames where the filter is causal, else that of
    the clip at the size of `finest_level` (a quarter of it for level 1).

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
        frame; gains below zero are zero. All stages are linear, so the bands of the Laplacian
        pyramid are put together from levels of a Gaussian one, which gives the same numbers.
    """
    clip = _checked(frames, fewest=2)
    design = design_filter(filter, fps=fps, band_hz=band_hz)
    space = _space(clip, alpha, settings)
    if _is_empty(design, len(clip)):
        report = band_report(len(clip), design.fps, design.band_hz, design.filter)
        hint = "Give a band that holds a bin, or another filter."
        warnings.warn(f"{report} {hint}", EmptyBandWarning, stacklevel=2)
        space = _space(clip, 0.0, settings)
    with torch.no_grad():
        pieces = clip.split(_PIECE_FRAMES)
        result = torch.empty_like(_Film(settings, space).shown(clip))
        film = _Film(settings, space)
        if not space.weights:
            changes: Iterable[Tensor | None] = [None] * len(pieces)
        elif design.is_causal:
            changes = film.causal_changes(pieces, design)
        else:
            changes = film.whole_changes(pieces, design)
        for piece, change, target in zip(pieces, changes, result.split(_PIECE_FRAMES), strict=True):
            film.show(piece, change, target)
    return _as_given(result, frames)


def magnify_stream(
    chunks: Iterable[Frames],
    *,
    fps: float | Fraction,
    alpha: float,
    band_hz: Band | None,
    filter: TemporalFilter | str = "iir",  # noqa: A002  # the field's word
    settings: MagnifySettings = MagnifySettings(),  # noqa: B008  # frozen
) -> Iterator[Frames]:
    """Magnify a film of any length piece by piece, in memory for one piece.

    Args:
        chunks: Consecutive pieces of one film, each as `frames` in `magnify`, all with one size;
            a piece may have a single frame.
        fps: As in `magnify`.
        alpha: As in `magnify`.
        band_hz: As in `magnify`.
        filter: A causal one: "iir", or a `Butterworth` with `causal=True`.
        settings: As in `magnify`.

    Returns:
        The pieces, magnified. They do not depend on where the film is cut: `magnify` on the whole
        film gives the same frames within float tolerance.

    Raises:
        ConfigError: A setting is out of its range, or the filter needs the whole clip.
        DataError: A piece is not as described; raised when its turn comes.
    """
    design = design_filter(filter, fps=fps, band_hz=band_hz)
    if not design.is_causal:
        raise ConfigError(
            f"{str(design).capitalize().rstrip(',')} needs the whole clip, a stream has no end. "
            "Give 'iir' or Butterworth(causal=True)."
        )
    return _streamed(chunks, design, alpha, settings)


def linear_limit_px(alpha: float, wavelength_px: float) -> float:
    """The largest movement in pixels that `alpha` still magnifies faithfully at a wavelength.

    ``(1 + alpha) d < wavelength / 8``, the bound of Wu et al. (2012).
    """
    return wavelength_px / (8 * (1 + alpha))


def level_gains(alpha: float, levels: int, settings: MagnifySettings) -> tuple[float, ...]:
    """The gain of each band of a Laplacian pyramid, from the finest.

    A band whose wavelength is below `cutoff_px` gets the largest gain that keeps in the linear
    range the movement that `alpha` keeps there at `cutoff_px`:
    ``(wavelength / cutoff_px) (1 + alpha) - 1``.
    """
    gains = []
    for level in range(levels):
        gain = alpha
        if settings.cutoff_px:
            gain = min(alpha, 4 * 2**level / settings.cutoff_px * (1 + alpha) - 1)
        gains.append(max(gain, 0.0) if level >= settings.finest_level else 0.0)
    return tuple(gains)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Plan:
    """What happens in space and colour, worked out for one size of frame.

    Attributes:
        sizes: Height and width of each level from the frame to the one that is filtered.
        weights: Of the filtered level and the coarser ones; empty where nothing is magnified.
        luma_only: Brightness alone is magnified.
        mix: What to do with three magnified channels, shape ``(3, 3)``; None leaves them.
        gray: Frames lose their colour first.
        clip: The result is cut to 0..1.
    """

    sizes: tuple[tuple[int, int], ...]
    weights: tuple[float, ...]
    luma_only: bool
    mix: Tensor | None
    gray: bool
    clip: bool


@final
class _CausalRun:
    """A causal filter on frames that come piece by piece; carries its state along."""

    def __init__(self, sections: NDArray[np.float64]) -> None:
        self._sections = sections
        self._state: Tensor | None = None

    def __call__(self, series: Tensor) -> Tensor:
        """Filter the next frames, shape ``(time, values)``."""
        return torch.cat([self._step(part) for part in series.split(_CAUSAL_FRAMES)])

    def _step(self, series: Tensor) -> Tensor:
        # The state is kept in double precision: at low frequencies its parts nearly cancel.
        direct, echo, feed, decay = self._operators(len(series), series.device)
        if self._state is None:
            self._state = feed.new_zeros(len(decay), series.shape[1])
        result = direct.to(series.dtype) @ series
        result += (echo @ self._state).to(series.dtype)
        self._state = decay @ self._state + feed @ series.double()
        return result

    def _operators(self, frames: int, device: torch.device) -> tuple[Tensor, ...]:
        """Matrices: input to output, state to output, input to next state, state to next state."""
        sections = len(self._sections)
        states = 2 * sections
        inputs = np.hstack([np.eye(frames), np.zeros((frames, states))])
        start = np.hstack([np.zeros((states, frames)), np.eye(states)])
        start = start.reshape(sections, 2, frames + states)
        output, end = signal.sosfilt(self._sections, inputs, axis=0, zi=start)
        end = end.reshape(states, frames + states)
        parts = output[:, :frames], output[:, frames:], end[:, :frames], end[:, frames:]
        return tuple(torch.as_tensor(part.copy(), device=device) for part in parts)


def _streamed(
    chunks: Iterable[Frames], design: Design, alpha: float, settings: MagnifySettings
) -> Iterator[Frames]:
    given: list[Frames] = []
    shape: tuple[int, ...] | None = None
    plan: _Plan | None = None
    run = None if design.sections is None else _CausalRun(design.sections)


def _checked(frames: Tensor | NDArray[Any], *, fewest: int) -> Tensor:
    """The frames as a tensor, or what is wrong with them."""
    if isinstance(frames, np.ndarray):
        kind = str(frames.dtype)
        # PyTorch wants memory that it may write to and that runs forwards.
        clip = torch.from_numpy(np.require(frames, requirements=["C", "W"]))
    else:
        kind, clip = str(frames.dtype).removeprefix("torch."), frames.detach()
    if clip.dtype not in (torch.float32, torch.float64):
        raise DataError(
            f"Found frames of type {kind}; give float32 or float64 in 0..1 (divide 8-bit frames by "
            "255)."
        )
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


def _plan(clip: Tensor, alpha: float, settings: MagnifySettings) -> _Plan:
    """Work out the weights and sizes of the levels."""
    if not (np.isfinite(alpha) and alpha >= 0):
        raise ConfigError(f"alpha is {alpha}; give 0 or a larger number.")
    height, width = clip.shape[1:3]
    most = most_levels(height, width)
    levels = most if settings.levels is None else settings.levels
    if max(levels, settings.finest_level) > most:
        raise ConfigError(
            f"Found levels {settings.levels} and finest_level {settings.finest_level}; frames of "
            f"{width} x {height} px can be halved {most} times. Give at most that."
        )
    if settings.pyramid == "gaussian":
        weights = (*[0.0] * settings.finest_level, float(alpha))
    else:
        weights = gaussian_weights(level_gains(alpha, levels, settings), 0.0)
    base = next((level for level, weight in enumerate(weights) if weight), len(weights))
    colourful = clip.ndim == 4 and clip.shape[3] == 3
    is_yiq = settings.colour == "yiq" and colourful
    return _Plan(
        sizes=tuple((_halved(height, level), _halved(width, level)) for level in range(base + 1)),
        weights=weights[base:],
        luma_only=is_yiq and settings.chroma_gain == 0,
        mix=_colour_mix(settings.chroma_gain, clip) if is_yiq else None,
        gray=settings.colour == "gray" and colourful,
        clip=settings.clip,
    )
