"""The steps of a recipe that make one array of a clip's frames: flow, apex frame, dynamic image.

`frame_numbers` says which frames of the clip are taken; `apply` takes them from the film that the
steps before have made.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from openmer.clip import Clip
from openmer.errors import DataError
from openmer.preprocessing._dynamic_image import pooled, rank_pooling_weights
from openmer.preprocessing._frame_sequence import Film, movement
from openmer.preprocessing.faces._alignment import LUMA
from openmer.preprocessing.flow._apex import find_apex
from openmer.preprocessing.flow._flow import optical_flow
from openmer.preprocessing.flow._resample import resize_image

ApexPolicy = Literal["annotated-or-middle", "annotated", "middle", "flow"]
SOURCES = frozenset({"flow", "apex_frame", "dynamic_image"})

_STRICT = ConfigDict(frozen=True, strict=True, extra="forbid")


def _zero_or_large(size: int) -> int:
    if 0 < size < 16:
        raise ValueError("flow needs 16 px at least; give 0 to keep the frames' own size")
    return size


class FlowStep(BaseModel):
    """Optical flow from the onset frame to the apex frame, both gray: ``(2, height, width)``.

    Attributes:
        method: Name of the flow method; "tvl1" is OpenMER's own, "tvl1-opencv" OpenCV's.
        size: Both frames become squares of this many pixels first; 0 keeps their own size.
        apex: Which frame is the apex. "annotated-or-middle": the annotated one or, where none is
            annotated, the middle frame ``onset + (offset - onset) // 2``, but never the onset
            itself. "annotated": a clip without one is an error. "middle": always the middle frame.
            "flow": the frame with the largest movement since the onset, measured on the aligned
            frames before they are magnified (`openmer.preprocessing.flow._apex`).
    """

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = SOURCES - {"flow"}

    step: Literal["flow"] = "flow"
    method: str = "tvl1"
    size: Annotated[int, Field(ge=0), AfterValidator(_zero_or_large)] = 0
    apex: ApexPolicy = "annotated-or-middle"

    def frame_numbers(self, clip: Clip, film: Film | None = None) -> tuple[int, int]:
        """Numbers of the onset and the apex frame of a clip, from 0.

        Args:
            clip: With frames.
            film: Its frames, aligned; only the policy "flow" looks at them.

        Raises:
            DataError: The clip has no onset, neither apex nor offset, or not these frames; or it
                lacks what its policy needs.
        """
        apex = apex_number(clip, self.apex, film)
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

    def apply(self, film: Film, numbers: tuple[int, ...]) -> NDArray[np.float32]:
        """Flow between two frames, shape ``(2, height, width)``, in pixels."""
        onset, apex = (_gray(image) for image in film.at(*numbers))
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
    never_after: ClassVar[frozenset[str]] = SOURCES - {"apex_frame"}

    step: Literal["apex_frame"] = "apex_frame"
    size: int = Field(default=0, ge=0)
    apex: ApexPolicy = "annotated-or-middle"

    def frame_numbers(self, clip: Clip, film: Film | None = None) -> tuple[int]:
        """Number of the apex frame of a clip, from 0.

        Args:
            clip: With frames.
            film: As in the step `flow`.

        Raises:
            DataError: The clip has no apex, and not both onset and offset; or not this frame; or
                it lacks what its policy needs.
        """
        apex = apex_number(clip, self.apex, film)
        if apex is None:
            raise DataError(
                f"{clip.key}: an apex is needed, or an onset and an offset, found onset "
                f"{clip.onset}, apex {clip.apex}, offset {clip.offset}. Annotate them."
            )
        return (in_clip(clip, apex, "apex"),)

    def apply(self, film: Film, numbers: tuple[int, ...]) -> NDArray[np.float32]:
        """The apex frame as three planes."""
        (image,) = film.at(*numbers)
        return self.planes(image)

    def planes(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """An image ``(height, width, 3)`` or gray ``(height, width)`` as three planes."""
        planes = _three_planes(image)
        return resize_image(planes, self.size) if self.size else planes


class AppendApexStep(BaseModel):
    """Append the apex frame to flow: red, green and blue in 0..255, at the size of the flow.

    The same frame that the flow leads to. Stands last.
    """

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = SOURCES - {"flow"}

    step: Literal["append_apex"] = "append_apex"

    def apply(
        self, array: NDArray[np.float32], film: Film, numbers: tuple[int, ...]
    ) -> NDArray[np.float32]:
        """``(channels, height, width)`` to ``(channels + 3, height, width)``."""
        planes = _three_planes(film.at(*numbers)[-1])
        if planes.shape[1:] != array.shape[1:]:
            planes = resize_image(planes, array.shape[-1])
        return np.concatenate([array, planes])


class DynamicImageStep(BaseModel):
    """The dynamic image of onset to offset, by rank pooling: red, green, blue, signed, 0..255 wide.

    Shape ``(3, height, width)``. Where nothing moves it is zero; `stretch` makes 0..255 of it.

    Attributes:
        size: It becomes a square of this many pixels; 0 keeps the frames' own size.
        averaged: Rank the running means of the frames, as its paper does; false ranks the frames.
    """

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = SOURCES - {"dynamic_image"}
    apex: ClassVar[ApexPolicy] = "annotated-or-middle"  # for an alignment that is locked there

    step: Literal["dynamic_image"] = "dynamic_image"
    size: int = Field(default=0, ge=0)
    averaged: bool = True

    def frame_numbers(
        self,
        clip: Clip,
        film: Film | None = None,  # noqa: ARG002  # as the other sources
    ) -> tuple[int, ...]:
        """Numbers of the frames from onset to offset, from 0.

        Args:
            clip: With frames.
            film: Not looked at.

        Raises:
            DataError: The clip has no onset and later offset, or not these frames.
        """
        return tuple(movement(clip, self.step))

    def apply(self, film: Film, numbers: tuple[int, ...]) -> NDArray[np.float32]:
        """The weighted sum of the frames from onset to offset, as three planes."""
        shown = film.between(numbers[0], numbers[-1])
        weights = rank_pooling_weights(len(shown.places), averaged=self.averaged)
        planes = _three_planes(pooled(shown.all(), weights).astype(np.float32))
        return resize_image(planes, self.size) if self.size else planes


def apex_number(clip: Clip, policy: ApexPolicy, film: Film | None = None) -> int | None:
    """Number of the apex frame by a policy; None where "annotated-or-middle" finds none.

    Raises:
        DataError: The clip lacks what another policy needs.
    """
    if policy == "annotated-or-middle":
        if clip.apex is not None or clip.onset is None or clip.offset is None:
            return clip.apex
        return max(clip.onset + 1, clip.onset + (clip.offset - clip.onset) // 2)
    if policy != "flow" or film is None:
        return find_apex(clip, policy).frame
    movement(clip, "flow")
    return find_apex(clip, policy, frames=lambda number: _gray(*film.at(number))).frame


def in_clip(clip: Clip, number: int, name: str) -> int:
    """The number of a frame, if the clip has it.

    Raises:
        DataError: The clip has no such frame; the message calls it by `name`.
    """
    if not 0 <= number < len(clip.frame_paths):
        raise DataError(
            f"{clip.key}: {name} {number} is not among its {len(clip.frame_paths)} frames, counted "
            "from 0. Correct it."
        )
    return number


def _gray(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return image if image.ndim == 2 else image @ np.array(LUMA, np.float32)


def _three_planes(image: NDArray[np.float32]) -> NDArray[np.float32]:
    if image.ndim == 2:
        image = np.stack([image, image, image], axis=-1)
    return np.ascontiguousarray(np.moveaxis(image, -1, 0))
