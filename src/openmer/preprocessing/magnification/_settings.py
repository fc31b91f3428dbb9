"""Space and colour of magnification: what of a frame is magnified, by how much, and put back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from openmer.errors import ConfigError
from openmer.preprocessing.magnification._pyramids import (
    PyramidGain,
    gaussian_weights,
    level_gains,
    most_levels,
    pyramid_gain,
)

_RGB_TO_YIQ = (  # NTSC, as in Wu et al.
    (0.299, 0.587, 0.114),
    (0.595716, -0.274453, -0.321263),
    (0.211456, -0.522591, 0.311135),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MagnifySettings:
    """What is magnified in space and colour.

    Attributes:
        pyramid: "laplacian" magnifies bands of sizes, each with its own gain, but not what is left
            below the coarsest. "gaussian" magnifies everything coarser than `finest_level` alike,
            the overall brightness included; `levels` and `cutoff_px` have no effect.
        levels: Bands of the Laplacian pyramid, 1 or more; None takes as many as the frame allows.
        finest_level: Bands before this one are left as they are; level n shows details of about
            ``4 * 2**n`` pixels. Wu et al. leave out level 0, which keeps noise down, but on sharp
            faces of 160 pixels lets out a third less movement (benchmarks/magnification.py).
        cutoff_px: Wavelength below which a band is magnified less, so that its movement stays in
            the linear range, ``8 (1 + alpha) d`` for a movement d; 0 magnifies all bands alike.
        colour: Of a clip with three channels: "yiq" magnifies brightness fully and colour by
            `chroma_gain`; "rgb" magnifies the channels alike; "gray" drops the colour first and
            gives frames ``(time, height, width)``.
        chroma_gain: 0..1, of the two colour channels; 0 is three times as fast.
        clip: Cut the result to 0..1, as for an image file. False keeps it linear.
    """

    pyramid: Literal["laplacian", "gaussian"] = "laplacian"
    levels: int | None = None
    finest_level: int = 0
    cutoff_px: float = 0.0
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What happens in space and colour, for one size of frame.

    Attributes:
        settings: As given.
        gain: The pyramid.
        in_colour: The frames have three channels, and so has the result.
        luma_only: Of a coloured clip, brightness alone is magnified.
    """

    settings: MagnifySettings
    gain: PyramidGain
    in_colour: bool
    luma_only: bool

    def shown(self, frames: Tensor) -> Tensor:
        """Return the frames that are magnified: with or without their colour."""
        has_colour = frames.ndim == 4 and frames.shape[3] == 3
        return frames if self.in_colour or not has_colour else _luma(frames)

    def source(self, frames: Tensor) -> Tensor:
        """Return what is filtered along time: brightness alone, or what is shown."""
        return _luma(frames) if self.luma_only else self.shown(frames)

    def small(self, source: Tensor) -> Tensor:
        """``(time, height, width[, channels])`` to ``(time, channels, small height, width)``."""
        channels_first = source.movedim(3, 1) if source.ndim == 4 else source.unsqueeze(1)
        return self.gain.shrink(channels_first)

    def large(self, change: Tensor, like: Tensor) -> Tensor:
        """Return what passed the filter, with all gains, shaped as `small`, laid out as `like`."""
        if change.shape[1] == 3 and self.settings.colour == "yiq":
            mix = _yiq_mix(self.settings.chroma_gain).to(change)
            change = torch.einsum("ij,tjhw->tihw", mix, change)
        grown = self.gain.grow(change).movedim(1, 3)
        return grown if like.ndim == 4 else grown[..., 0]

    def put(self, target: Tensor, frames: Tensor, change: Tensor) -> None:
        """Write into `target` the frames plus what passed the filter, of the shape of `small`."""
        target.copy_(self.shown(frames))
        if self.gain.weights:
            target += self.large(change, target)


def look_for(clip: Tensor, alpha: float, settings: MagnifySettings) -> Look:
    """Work out pyramid and colours for frames like these."""
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
        weights = gaussian_weights(
            level_gains(alpha, levels, settings.finest_level, settings.cutoff_px), 0.0
        )
    if alpha and not any(weights):
        raise ConfigError(
            f"With {levels} levels, finest_level {settings.finest_level} and cutoff_px "
            f"{settings.cutoff_px:g}, no band is magnified. Give more levels, or lower the others."
        )
    in_colour = clip.ndim == 4 and clip.shape[3] == 3 and settings.colour != "gray"
    return Look(
        settings=settings,
        gain=pyramid_gain(height, width, weights),
        in_colour=in_colour,
        luma_only=in_colour and settings.colour == "yiq" and settings.chroma_gain == 0,
    )


def _luma(frames: Tensor) -> Tensor:
    """``(time, height, width, 3)`` to brightness, ``(time, height, width)``."""
    return frames @ frames.new_tensor(_RGB_TO_YIQ[0])


def _yiq_mix(chroma_gain: float) -> Tensor:
    """To YIQ, the colour channels times a gain, and back to RGB: one matrix ``(3, 3)``."""
    to_yiq = torch.tensor(_RGB_TO_YIQ, dtype=torch.float64)
    gains = torch.tensor([1.0, chroma_gain, chroma_gain], dtype=torch.float64)
    mix: Tensor = torch.linalg.inv(to_yiq) @ (gains[:, None] * to_yiq)
    return mix
