"""All that was found in one video, as a record that reports, tables and the page are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openmer.video._event import Event
from openmer.video.spotting._curves import FaceCurves

if TYPE_CHECKING:
    from openmer.deployment import ModelRecord
    from openmer.video.io._frame import VideoInfo


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Analysis:
    """What was found in one video.

    Attributes:
        info: What the file says of itself.
        frames: Frames that were decoded.
        duration_s: Time of the last of them.
        faces: How each face moved, by its number; empty where there was no face.
        events: By onset.
        model: The model that gave the classes; None where none was asked.
        spotter: Name of the spotter.
        damage: Why and where decoding ended early; "" where the file was whole.
        without_mesh: Why faces were not followed by the face mesh, and what is lost; "" where
            nothing is.
        seconds: How long each part of the work took.
    """

    info: VideoInfo
    frames: int
    duration_s: float
    faces: tuple[FaceCurves, ...]
    events: tuple[Event, ...]
    model: ModelRecord | None = None
    spotter: str = "motion"
    damage: str = ""
    without_mesh: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """What was found, in one sentence."""
        if not self.faces:
            return "No face was found in this video."
        if not self.events:
            return "Nothing found: no movement of a face passed the threshold."
        counts = [sum(event.kind == kind for event in self.events) for kind in ("micro", "macro")]
        words = [f"{n} {kind}-expression" + ("s" if n != 1 else "")
                 for n, kind in zip(counts, ("micro", "macro"), strict=True) if n]  # fmt: skip
        return f"Found {' and '.join(words)}."
