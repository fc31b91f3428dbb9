"""The steps of a recipe: strict records of their options, each with what it does to an array.

Each step has a `version`, raised whenever its numbers change, so that no cached array outlives
them (that of the flow stands for reading the frames, too), and `never_after`: the steps that it
cannot follow.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from openmer.clip import Clip
from openmer.errors import DataError
from openmer.preprocessing.align import STYLES, align_style, find_alignment
from openmer.preprocessing.alignment import Alignment
from openmer.preprocessing.faces import ArrayStore
from openmer.preprocessing.flow import optical_flow
from openmer.preprocessing.resample import average, resize_flow, resize_image, stretch_8bit
from openmer.preprocessing.strain import optical_strain

_STRICT = ConfigDict(frozen=True, strict=True, extra="forbid")


def _zero_or_large(size: int) -> int:
    if 0 < size < 16:
        raise ValueError("flow needs 16 px at least; give 0 to keep the frames' own size")
    return size


class AlignStep(BaseModel):
    """Bring the face to one place and size, by one transform for all frames of a clip.

    Stands first. Frames are aligned before flow is measured, or the apex frame is taken.

    Attributes:
        style: "efficient-me", "dense-attention" or "mobilevit": as that paper states it.
        size: Width and height of the aligned frames, at least 16; 0 is the paper's.
        detector: Name of the face detector; empty, the paper's or the nearest to it.
        locked_at: Frame on which the transform is found: the onset, or the apex for a system that
            sees no other frame.
    """

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = frozenset({"flow", "apex_frame"})

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

    def frame_number(self, clip: Clip) -> int:
        """Number of the frame on which the transform is found, from 0.

        Raises:
            DataError: The clip has no such frame.
        """
        number = clip.onset if self.locked_at == "onset" else _apex(clip)
        if number is None:
            raise DataError(
                f"{clip.key}: the alignment is found on the onset frame, but no onset is annotated."
                ' Annotate it, or set locked_at = "apex".'
            )
        return _in_clip(clip, number, self.locked_at)

    def find(self, image_rgb: NDArray[np.float32], store: ArrayStore | None = None) -> Alignment:
        """The transform for the frame ``(height, width, 3)`` it is found on."""
        return find_alignment(
            image_rgb, style=self.style, size=self.size, detector=self.detector, store=store
        )


class FlowStep(BaseModel):
    """Optical flow from the onset frame to the apex frame, both gray: ``(2, height, width)``.

    Attributes:
        method: Name of the flow method; "tvl1" is OpenMER's own, "tvl1-opencv" OpenCV's.
        size: Both frames become squares of this many pixels first; 0 keeps their own size.
        apex: Which frame is the apex: the annotated one or, where none is annotated, the middle
            frame ``onset + (offset - onset) // 2``, but never the onset itself.
    """

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = frozenset({"apex_frame"})

    step: Literal["flow"] = "flow"
    method: str = "tvl1"
    size: Annotated[int, Field(ge=0), AfterValidator(_zero_or_large)] = 0
    apex: Literal["annotated-or-middle"] = "annotated-or-middle"

    def frame_numbers(self, clip: Clip) -> tuple[int, int]:
        """Numbers of the onset and the apex frame of a clip, from 0.

        Raises:
            DataError: The clip has no onset, neither apex nor offset, or not these frames.
        """
        apex = _apex(clip)
        if clip.onset is None or apex is None:
            raise DataError(
                f"{clip.key}: flow needs an onset and an apex or offset, found onset {clip.onset}, "
                f"apex {clip.apex}, offset {clip.offset}. Annotate them."
            )
        if not 0 <= clip.onset < apex < len(clip.frame_paths):
            raise DataError(
                f"{clip.key}: onset {clip.onset} and apex {apex} must be two frames, in this "
                f"order, among its {len(clip.frame_paths)} frames, counted from 0. Correct them."
            )
        return clip.onset, apex

    def apply(self, onset: NDArray[np.float32], apex: NDArray[np.float32]) -> NDArray[np.float32]:
        """Flow between two gray frames, shape ``(2, height, width)``, in pixels."""
        if self.size:
            onset, apex = resize_image(onset, self.size), resize_image(apex, self.size)
        return optical_flow(onset, apex, method=self.method)


class ApexFrameStep(BaseModel):
    """The apex frame itself, red, green and blue in 0..255: ``(3, height, width)``.

    Attributes:
        size: It becomes a square of this many pixels; 0 keeps its own size.
        apex: As in the step `flow`.
    """

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = frozenset({"flow"})

    step: Literal["apex_frame"] = "apex_frame"
    size: int = Field(default=0, ge=0)
    apex: Literal["annotated-or-middle"] = "annotated-or-middle"

    def frame_numbers(self, clip: Clip) -> tuple[int]:
        """Number of the apex frame of a clip, from 0.

        Raises:
            DataError: The clip has no apex, and not both onset and offset; or not this frame.
        """
        apex = _apex(clip)
        if apex is None:
            raise DataError(
                f"{clip.key}: an apex is needed, or an onset and an offset, found onset "
                f"{clip.onset}, apex {clip.apex}, offset {clip.offset}. Annotate them."
            )
        return (_in_clip(clip, apex, "apex"),)

    def apply(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """An image ``(height, width, 3)`` or gray ``(height, width)`` as three planes."""
        if image.ndim == 2:
            image = np.stack([image, image, image], axis=-1)
        planes = np.ascontiguousarray(np.moveaxis(image, -1, 0))
        return resize_image(planes, self.size) if self.size else planes


class StrainStep(BaseModel):
    """Append the optical strain: ``(u, v)`` becomes ``(u, v, strain)``."""

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = frozenset({"apex_frame", "stretch", "average"})

    step: Literal["strain"] = "strain"

    def apply(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(2, height, width)`` to ``(3, height, width)``."""
        return np.concatenate([array, optical_strain(array)])


class ResizeStep(BaseModel):
    """Make the flow a square of `size` pixels, u and v in pixels of the new size."""

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = frozenset({"apex_frame", "stretch", "average"})

    step: Literal["resize"] = "resize"
    size: int = Field(ge=1)

    def apply(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(channels, height, width)`` to ``(channels, size, size)``."""
        return resize_flow(array, self.size)


class StretchStep(BaseModel):
    """Stretch each channel of the clip to 0..255 and round: the form of the STSTNet authors."""

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = frozenset({"apex_frame"})

    step: Literal["stretch"] = "stretch"

    def apply(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same shape, whole numbers in 0..255."""
        return stretch_8bit(array)


class AverageStep(BaseModel):
    """Means over `size` x `size` cells; values keep their unit."""

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = frozenset({"apex_frame"})

    step: Literal["average"] = "average"
    size: int = Field(ge=1)

    def apply(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(channels, height, width)`` to ``(channels, size, size)``."""
        return average(array, self.size)


Source = FlowStep | ApexFrameStep
Step = AlignStep | Source | StrainStep | ResizeStep | StretchStep | AverageStep


def _apex(clip: Clip) -> int | None:
    """The annotated apex, or the middle of the movement but never its onset."""
    if clip.apex is not None or clip.onset is None or clip.offset is None:
        return clip.apex
    return max(clip.onset + 1, clip.onset + (clip.offset - clip.onset) // 2)


def _in_clip(clip: Clip, number: int, name: str) -> int:
    if not 0 <= number < len(clip.frame_paths):
        raise DataError(
            f"{clip.key}: {name} {number} is not among its {len(clip.frame_paths)} frames, counted "
            "from 0. Correct it."
        )
    return number
