"""The step that measures optical flow."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from openmer.clip import Clip
from openmer.errors import DataError
from openmer.preprocessing._frame_sequence import FrameSequence, movement
from openmer.preprocessing.flow._flow import flow_method, optical_flow
from openmer.preprocessing.flow._resample import resize_image
from openmer.preprocessing.steps._apex import apex_number, search_record, to_gray
from openmer.preprocessing.steps._step import ALL_FRAMES, FLOW, ApexPolicy, ClipData, Step


def _zero_or_large(size: int) -> int:
    """Return the size of the frames for flow, if it is one."""
    if 0 < size < 16:
        raise ValueError("flow needs 16 px at least; give 0 to keep the frames' own size")
    return size


class FlowStep(Step):
    """Optical flow from the onset frame to the apex frame, both gray: ``(2, height, width)``.

    Attributes:
        method: Name of the flow method; "tvl1" is OpenMER's own, "tvl1-opencv" OpenCV's.
        size: Both frames become squares of this many pixels first; 0 keeps their own size.
        apex: Which frame is the apex. "annotated-or-middle": the annotated one or, where none is
            annotated, the middle frame ``onset + (offset - onset + 1) // 2``, but never the onset
            itself. "annotated": a clip without one is an error. "middle": always the middle frame.
            "flow": the frame with the largest movement since the onset, measured on the aligned
            frames before they are magnified (`openmer.preprocessing.steps._apex`).
    """

    gives: ClassVar = dict.fromkeys(ALL_FRAMES, FLOW)
    makes: ClassVar = 2

    step: Literal["flow"] = "flow"
    method: str = "tvl1"
    size: Annotated[int, Field(ge=0), AfterValidator(_zero_or_large)] = 0
    apex: ApexPolicy = "annotated-or-middle"

    @property
    def on_flow_image(self) -> bool:
        """Whether a ready flow image can stand for its result: not with an apex of its own."""
        return self.apex == "annotated-or-middle"

    def record(self) -> dict[str, object]:
        """Return what its numbers depend on, the version of the method included."""
        return {
            **super().record(),
            "method_version": flow_method(self.method).version,
            **search_record(self.apex),
        }

    def reads(self, clip: Clip, apex: ApexPolicy) -> tuple[int, ...]:
        """Return the frames it takes; to look for the apex, all from onset to offset."""
        return tuple(movement(clip, self.step)) if apex == "flow" else self.frame_numbers(clip)

    def frame_numbers(self, clip: Clip, frames: FrameSequence | None = None) -> tuple[int, int]:
        """Numbers of the onset and the apex frame of a clip, from 0.

        Args:
            clip: With frames.
            frames: Its frames, aligned; only the policy "flow" looks at them.

        Raises:
            DataError: The clip has no onset, neither apex nor offset, or not these frames; or it
                lacks what its policy needs.
        """
        apex = apex_number(clip, self.apex, frames)
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

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with the flow, ``(2, height, width)``, in pixels."""
        numbers = self.frame_numbers(data.clip, data.aligned)
        onset, apex = (
            image if image.ndim == 2 else to_gray(image) for image in data.frames.at(*numbers)
        )
        if self.size:
            onset, apex = resize_image(onset, self.size), resize_image(apex, self.size)
        flow_xy = optical_flow(onset, apex, method=self.method)
        return replace(data, numbers=numbers, array=flow_xy)
