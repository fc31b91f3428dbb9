"""The step that brings the face to one place and size."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from openmer.clip import Clip
from openmer.errors import DataError
from openmer.preprocessing.faces._align import align_style, find_alignment
from openmer.preprocessing.faces._alignment import Alignment
from openmer.preprocessing.faces._detect import WHOLE, ArrayStore, face_detector
from openmer.preprocessing.steps._apex import apex_number, in_clip
from openmer.preprocessing.steps._step import ALIGNED, FRAMES, MAGNIFIED, ApexPolicy, ClipData, Step


class AlignStep(Step):
    """Bring the face to one place and size, by one transform for all frames of a clip.

    Stands first, or right after `magnify`; the face is looked for in the frame as it was. Frames
    are aligned before anything is measured on them. Of a clip that is declared cropped
    (`Clip.cropped`) the whole frame is the face, and none is looked for.

    Attributes:
        style: "efficient-me", "dense-attention" or "mobilevit": as that paper states it.
        size: Width and height of the aligned frames, at least 16; 0 is the paper's.
        detector: Name of the face detector; empty, the paper's or the nearest to it.
        locked_at: Frame on which the transform is found: the onset, or the apex for a system that
            sees no other frame.
    """

    version: ClassVar[int] = 2
    gives: ClassVar = {FRAMES: ALIGNED, MAGNIFIED: MAGNIFIED}

    step: Literal["align"] = "align"
    style: str
    size: int = Field(default=0, ge=16)
    detector: str = ""
    locked_at: Literal["onset", "apex"] = "onset"

    @model_validator(mode="before")
    @classmethod
    def _as_in_the_paper(cls, options: object) -> object:
        """Fill in what is left out, so that a saved recipe says it."""
        if not isinstance(options, dict) or not isinstance(options.get("style"), str):
            return options
        style = align_style(options["style"])
        filled = {"size": style.size, "detector": style.detector}
        return options | {key: options.get(key) or value for key, value in filled.items()}

    def record(self) -> dict[str, object]:
        """Return what its numbers depend on, the version of the detector included."""
        return {**super().record(), "detector_version": face_detector(self.detector).version}

    def reads(self, clip: Clip, apex: ApexPolicy) -> tuple[int, ...]:
        """Return the number of the frame on which the transform is found."""
        return (self.frame_number(clip, apex),)

    def frame_number(self, clip: Clip, apex: ApexPolicy = "annotated-or-middle") -> int:
        """Return the number of the frame on which the transform is found, from 0.

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

    def find(
        self,
        image_rgb: NDArray[np.float32],
        store: ArrayStore | None = None,
        *,
        cropped: bool = False,
    ) -> Alignment:
        """Return the transform for a frame.

        Args:
            image_rgb: The frame it is found on, shape ``(height, width, 3)``.
            store: As in `openmer.preprocessing.detect_faces`.
            cropped: The frame is a face and little else: none is looked for.

        Raises:
            DataError: There is no face, or only one that cannot be aligned.
        """
        detector, kept = (WHOLE, None) if cropped else (self.detector, store)
        return find_alignment(
            image_rgb, style=self.style, size=self.size, detector=detector, store=kept
        )

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with aligned frames."""
        reference = data.files.colours(self.frame_number(data.clip, data.apex))
        alignment = self.find(reference, data.store, cropped=data.clip.cropped)
        frames = data.frames.mapped(alignment.apply)
        plain = data.aligned is data.frames
        aligned = frames if plain else data.aligned.mapped(alignment.apply)
        return replace(data, aligned=aligned, frames=frames, align=alignment.apply)
