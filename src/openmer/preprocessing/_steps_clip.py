"""The steps of a recipe that work on the frames of a clip: align, magnify, interpolate.

Each turns a film into a film; `frame_numbers` says which frames of the clip it reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError
from openmer.preprocessing._frame_sequence import Film, Image, movement
from openmer.preprocessing._interpolate import interpolation_weights
from openmer.preprocessing._steps_source import SOURCES, ApexPolicy, apex_number, in_clip
from openmer.preprocessing.faces._align import STYLES, align_style, find_alignment
from openmer.preprocessing.faces._alignment import Alignment
from openmer.preprocessing.faces._detect import ArrayStore
from openmer.preprocessing.magnification._filters import (
    FILTERS,
    BandReport,
    Butterworth,
    TemporalFilter,
    band_report,
)

_STRICT = ConfigDict(frozen=True, strict=True, extra="forbid")


class AlignStep(BaseModel):
    """Bring the face to one place and size, by one transform for all frames of a clip.

    Stands first. Frames are aligned before anything is measured on them.

    Attributes:
        style: "efficient-me", "dense-attention" or "mobilevit": as that paper states it.
        size: Width and height of the aligned frames, at least 16; 0 is the paper's.
        detector: Name of the face detector; empty, the paper's or the nearest to it.
        locked_at: Frame on which the transform is found: the onset, or the apex for a system that
            sees no other frame.
    """

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = SOURCES | {"magnify", "interpolate"}

    step: Literal["align"] = "align"
    style: str
    size: int = Field(default=0, ge=16)
    detector: str = ""
    locked_at: Literal["onset", "apex"] = "onset"

    @model_validator(mode="before")
    @classmethod
    def _as_in_the_paper(cls, options: object) -> object:
        """Fill in what is left out, so that a saved recipe says it."""
        if isinstance(options, dict) and options.get("style") in STYLES:
            style = STYLES[options["style"]]
            filled = {"size": style.size, "detector": style.detector}
            return options | {key: options.get(key) or value for key, value in filled.items()}
        if isinstance(options, dict) and isinstance(options.get("style"), str):
            align_style(options["style"])  # raises, with the nearest name
        return options

    def frame_number(self, clip: Clip, apex: ApexPolicy = "annotated-or-middle") -> int:
        """Number of the frame on which the transform is found, from 0.

        Args:
            clip: With frames.
            apex: Which frame is the apex, but not "flow".

        Raises:
            DataError: The clip has no such frame.
        """
        number = clip.onset if self.locked_at == "onset" else apex_number(clip, apex)
        if number is None:
            raise DataError(
                f"{clip.key}: the alignment is found on the onset frame, but no onset is annotated."
                ' Annotate it, or set locked_at = "apex".'
            )
        return in_clip(clip, number, self.locked_at)

    def find(self, image_rgb: NDArray[np.float32], store: ArrayStore | None = None) -> Alignment:
        """The transform for the frame ``(height, width, 3)`` it is found on."""
        return find_alignment(
            image_rgb, style=self.style, size=self.size, detector=self.detector, store=store
        )


def _as_pair(value: object) -> object:
    """A TOML array as the pair that a frozen record holds."""
    return tuple(value) if isinstance(value, list) else value


_AT_ONCE = 8  # magnified images in memory


class MagnifyStep(BaseModel):
    """Make movements in a band of frequencies ``1 + alpha`` times as large (Euler magnification).

    Stands after `align` and before `flow`, `apex_frame` or `dynamic_image`. Stills are not
    magnified.

    Attributes:
        alpha: Extra movement: 0 changes nothing, 15 makes a movement 16 times as large.
        band_hz: Lower and upper edge of the band in Hz.
        filter: "butterworth", "ideal" or "iir", as in `magnification/_filters.py`.
        order: Of the Butterworth filter; 2 for the other filters, which have none.
        causal: The Butterworth filter runs forward only.
        frames: "onset-to-offset", or "all" frames of the clip, which can hold slower movements.
        pyramid: "laplacian" or "gaussian".
        levels: Bands of the Laplacian pyramid; 0 takes as many as the frame allows.
        finest_level: Bands before this one are left as they are.
        cutoff_px: Wavelength in pixels below which a band is magnified less; 0 is none.
        colour: "yiq" or "rgb"; frames for `flow` are gray, and it makes no difference.
        chroma_gain: 0..1, of the two colour channels of "yiq".
        clip: Cut the result to 0..255, as a video file does.
    """

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = SOURCES | {"interpolate"}

    step: Literal["magnify"] = "magnify"
    alpha: float = Field(ge=0, allow_inf_nan=False)
    band_hz: Annotated[tuple[float, float], BeforeValidator(_as_pair)]
    filter: Literal["butterworth", "ideal", "iir"] = "butterworth"
    order: int = Field(default=2, ge=1, le=8)
    causal: bool = False
    frames: Literal["onset-to-offset", "all"] = "onset-to-offset"
    pyramid: Literal["laplacian", "gaussian"] = "laplacian"
    levels: int = Field(default=0, ge=0)
    finest_level: int = Field(default=0, ge=0)
    cutoff_px: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    colour: Literal["yiq", "rgb"] = "yiq"
    chroma_gain: float = Field(default=0.1, ge=0, le=1)
    clip: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> MagnifyStep:
        low, high = self.band_hz
        if not 0 < low < high < math.inf:
            raise ConfigError(
                f"The step 'magnify' has the band_hz {low:g}..{high:g}; give two rising edges "
                "above 0 Hz."
            )
        if self.filter != "butterworth" and (self.order != 2 or self.causal):
            raise ConfigError(
                f"The step 'magnify' has the filter {self.filter!r}, which has neither order nor "
                'causal. Leave both out, or set filter = "butterworth".'
            )
        return self

    @property
    def temporal_filter(self) -> TemporalFilter:
        """The filter with its settings."""
        if self.filter == "butterworth":
            return Butterworth(order=self.order, causal=self.causal)
        return FILTERS[self.filter]

    def frame_numbers(self, clip: Clip) -> range:
        """Numbers of the frames that are filtered along time, from 0.

        Raises:
            DataError: The clip has no onset and later offset, or fewer than two frames.
        """
        if self.frames == "onset-to-offset":
            return movement(clip, "magnify")
        if len(clip.frame_paths) < 2:
            raise DataError(
                f"{clip.key}: the step 'magnify' needs at least 2 frames, found "
                f"{len(clip.frame_paths)}. Give all frames."
            )
        return range(len(clip.frame_paths))

    def report(self, clip: Clip) -> BandReport:
        """What the band and the filter really do to this clip; reads no image.

        Raises:
            DataError: The clip's frames per second are not known or too low for the band, or it
                lacks the frames.
        """
        count, fps = len(self.frame_numbers(clip)), _known_fps(clip)
        try:
            return band_report(count, fps, self.band_hz, self.temporal_filter)
        except ConfigError as error:
            raise DataError(f"{clip.key}: {error}") from error

    def apply(self, film: Film) -> Film:
        """The film with its movements magnified.

        Raises:
            DataError: As `report`; or, when its images are asked for, the frames are too small
                for the levels.
        """
        numbers = self.frame_numbers(film.clip)
        self.report(film.clip)
        before = film.between(numbers[0], numbers[-1])
        return Film(
            clip=film.clip,
            places=before.places,
            fps=film.fps,
            images=lambda positions: self._magnified(before, positions),
        )

    def _magnified(self, film: Film, positions: Sequence[int]) -> Iterator[Image]:
        """Magnified images of a film, a few at a time, for which it is read once each time."""
        for start in range(0, len(positions), _AT_ONCE):
            yield from self._magnified_some(film, positions[start : start + _AT_ONCE])

    def _magnified_some(self, film: Film, positions: Sequence[int]) -> Iterator[Image]:
        from openmer.preprocessing.magnification._magnify import magnify_some
        from openmer.preprocessing.magnification._settings import MagnifySettings

        try:
            made = magnify_some(
                (image[None] for image in film.all()),
                n_frames=len(film.places),
                wanted=positions,
                fps=_known_fps(film.clip),
                alpha=self.alpha,
                band_hz=self.band_hz,
                filter=self.temporal_filter,
                settings=MagnifySettings(
                    pyramid=self.pyramid,
                    levels=self.levels or None,
                    finest_level=self.finest_level,
                    cutoff_px=self.cutoff_px,
                    colour=self.colour,
                    chroma_gain=self.chroma_gain,
                ),
            )
        except ConfigError as error:
            raise DataError(f"{film.clip.key}: {error}") from error
        return iter(made.clip(0, 255) if self.clip else made)


class InterpolateStep(BaseModel):
    """Show the movement from onset to offset with `n_frames` frames (temporal interpolation).

    Stands after `align` and `magnify`, before `flow`, `apex_frame` or `dynamic_image`. Onset and
    apex are then the new frames nearest to them.

    Attributes:
        n_frames: Frames, at least 2, evenly spaced from the onset to the offset.
        method: "tim", the temporal interpolation model of the field; "linear"; or "bandlimited".
    """

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = SOURCES

    step: Literal["interpolate"] = "interpolate"
    n_frames: int = Field(ge=2)
    method: Literal["tim", "linear", "bandlimited"] = "tim"

    def frame_numbers(self, clip: Clip) -> range:
        """Numbers of the frames from onset to offset, from 0.

        Raises:
            DataError: The clip has no onset and later offset, or not these frames.
        """
        return movement(clip, "interpolate")

    def apply(self, film: Film) -> Film:
        """The film from onset to offset with another number of frames.

        Raises:
            DataError: As `frame_numbers`.
        """
        numbers = self.frame_numbers(film.clip)
        before = film.between(numbers[0], numbers[-1])
        weights = interpolation_weights(len(before.places), self.n_frames, method=self.method)
        steps = Fraction(self.n_frames - 1, len(before.places) - 1)
        return Film(
            clip=film.clip,
            places=tuple(map(float, np.linspace(numbers[0], numbers[-1], self.n_frames))),
            fps=None if film.fps is None else film.fps * steps,
            images=lambda positions: _mixed(before, weights[list(positions)]),
        )


def _mixed(film: Film, weights: NDArray[np.float64]) -> Iterator[Image]:
    """Weighted sums of the images of a film, one for each row of weights; it is read once."""
    sums: list[Any] = [0.0] * len(weights)
    for column, image in zip(weights.T, film.all(), strict=True):
        for place in np.flatnonzero(column):
            sums[place] = sums[place] + np.float32(column[place]) * image
    return iter(sums)


def _known_fps(clip: Clip) -> Fraction:
    if clip.fps is None:
        raise DataError(
            f"{clip.key}: the step 'magnify' needs the clip's frames per second, and they are not "
            "known. Give its fps, for instance in the manifest, or leave the step out."
        )
    return clip.fps
