"""All that was found in one video, as a record that reports, tables and the page are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openmer.video._event import Event, Interval
from openmer.video._quality import Quality
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
        gated: Movements that were not seen well (a turn of the head, a face that is covered, light
            and the like), by onset; no events unless the settings include them.
        model: The model that gave the classes; None where none was asked.
        spotter: Name of the spotter.
        damage: Why and where decoding ended early; "" where the file was whole.
        without_mesh: Why faces were not followed by the face mesh, and what is lost; "" where
            nothing is.
        qualities: How well each face could be measured, in the order of the faces.
        seconds: How long each part of the work took; where parts overlap, how long it was waited
            for.
    """

    info: VideoInfo
    frames: int
    duration_s: float
    faces: tuple[FaceCurves, ...]
    events: tuple[Event, ...]
    gated: tuple[Interval, ...] = ()
    model: ModelRecord | None = None
    spotter: str = "learned"
    damage: str = ""
    without_mesh: str = ""
    qualities: tuple[Quality, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_measurable(self) -> bool:
        """Whether at least one face could be measured well enough that "nothing found" counts."""
        known = self.qualities
        return not known or any(quality.is_measurable for quality in known)

    @property
    def verdict(self) -> str:
        """What was found, in one sentence."""
        if not self.faces:
            return "No face was found in this video."
        if not self.events and not self.is_measurable:
            best = max(self.qualities, key=lambda quality: quality.clear_s)
            return (
                f"Not measurable: {best.clear_share:.0%} of the time of the clearest face could be "
                f"measured. {' '.join(best.advice)}"
            ).strip()
        if not self.events:
            return "Nothing found: no movement of a face passed the threshold."
        counts = [sum(event.kind == kind for event in self.events) for kind in ("micro", "macro")]
        words = [f"{n} {kind}-expression" + ("s" if n != 1 else "")
                 for n, kind in zip(counts, ("micro", "macro"), strict=True) if n]  # fmt: skip
        return f"Found {' and '.join(words)}."
