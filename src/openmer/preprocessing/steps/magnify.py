"""The step that magnifies movements."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError
from openmer.preprocessing._frame_sequence import FrameSequence, Image, movement
from openmer.preprocessing.magnification._filters import (
    FILTERS,
    BandReport,
    Butterworth,
    TemporalFilter,
    band_report,
)
from openmer.preprocessing.steps._step import ALIGNED, FRAMES, MAGNIFIED, ApexPolicy, ClipData, Step


def _as_pair(value: object) -> object:
    """Convert a TOML array to the pair that a frozen record holds."""
    return tuple(value) if isinstance(value, list) else value


_BATCH = 8  # magnified images in memory


class MagnifyStep(Step):
    """Make movements in a band of frequencies ``1 + alpha`` times as large (Euler magnification).

    Stands after `align` and before `flow`, `apex_frame` or `dynamic_image`. Images are not
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

    gives: ClassVar = {FRAMES: MAGNIFIED, ALIGNED: MAGNIFIED}
    uses_fps: ClassVar = True

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

    def reads(self, clip: Clip, apex: ApexPolicy) -> tuple[int, ...]:  # noqa: ARG002
        """Return the numbers of the frames that the step reads."""
        return tuple(self.frame_numbers(clip))

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
        """Describe what the band and the filter really do to this clip; read no image.

        Raises:
            DataError: The clip's frames per second are not known or too low for the band, or it
                lacks the frames.
        """
        count, fps = len(self.frame_numbers(clip)), _known_fps(clip)
        try:
            return band_report(count, fps, self.band_hz, self.temporal_filter)
        except ConfigError as error:
            raise DataError(f"{clip.key}: {error}") from error

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with magnified movements.

        Raises:
            DataError: As `report`; or, when its images are asked for, the frames are too small
                for the levels.
        """
        numbers = self.frame_numbers(data.clip)
        self.report(data.clip)
        before = data.frames.between(numbers[0], numbers[-1])
        changed = replace(before, images=lambda positions: self._magnified(before, positions))
        return replace(data, frames=changed)

    def _magnified(self, frames: FrameSequence, positions: Sequence[int]) -> Iterator[Image]:
        """Magnify some images, a few at a time; each time all frames are read once."""
        for start in range(0, len(positions), _BATCH):
            yield from self._magnified_some(frames, positions[start : start + _BATCH])

    def _magnified_some(self, frames: FrameSequence, positions: Sequence[int]) -> Iterator[Image]:
        from openmer.preprocessing.magnification._magnify import magnify_some
        from openmer.preprocessing.magnification._settings import MagnifySettings

        try:
            made = magnify_some(
                (image[None] for image in frames.all()),
                n_frames=len(frames.places),
                wanted=positions,
                fps=_known_fps(frames.clip),
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
            raise DataError(f"{frames.clip.key}: {error}") from error
        return iter(made.clip(0, 255) if self.clip else made)


def _known_fps(clip: Clip) -> Fraction:
    if clip.fps is None:
        raise DataError(
            f"{clip.key}: the step 'magnify' needs the clip's frames per second, and they are not "
            "known. Give its fps, for instance in the manifest, or leave the step out."
        )
    return clip.fps
