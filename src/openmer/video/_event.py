"""What is found in a video: intervals with a movement, and what they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["micro", "macro"]

Side = Literal["both", "left", "right"]

MICRO_S = (1 / 25, 1 / 2)  # shortest and longest micro-expression in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A movement of one face, as a spotter found it; nothing is said about what it means.

    Frames are counted from 0 over the whole video and are inclusive; times are seconds since the
    first frame of the video, by the timestamps of the file.

    Attributes:
        subject: Number of the face, 1 for the first that was seen.
        kind: "micro" for 1/25 to 1/2 second from onset to offset, "macro" for longer ones.
        onset_frame: First frame of the movement.
        apex_frame: Frame of the largest movement.
        offset_frame: Last frame of the movement.
        onset_s: Time of the onset.
        apex_s: Time of the apex.
        offset_s: Time of the offset.
        strength: What was found over the threshold that it had to pass, above 1: the likelihood of
            a brief movement that the learned spotter found, else the largest displacement.
        displacement: Largest movement of a region, in widths of the face.
        regions: Which regions of the face moved most, the strongest first.
        gates: Why it is a candidate only and no event, as names of gates ("blink", "speech",
            "mouth", "turn", "covered", "light", "gap"); empty for an event.
    """

    subject_id: int
    kind: Kind
    onset_frame: int
    apex_frame: int
    offset_frame: int
    onset_s: float
    apex_s: float
    offset_s: float
    strength: float
    displacement: float
    regions: tuple[str, ...]
    gates: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Seconds from onset to offset."""
        return self.offset_s - self.onset_s


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitHint:
    """An action unit that a movement looks like.

    Attributes:
        unit: Its number.
        side: "both", or the subject's own "left" or "right".
        strength: Displacement that it explains, percent of the face's width.
    """

    unit: int
    side: Side
    strength: float

    def __str__(self) -> str:
        letter = {"both": "", "left": "L", "right": "R"}[self.side]
        return f"{letter}{self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Interval):
    """A spotted movement and the class that a trained method sees in it.

    Attributes:
        class_name: The most likely class; None where the model abstains or there is none.
        confidence: Calibrated probability of the most likely class, 0..1; None without a model, or
            where the model is not calibrated.
        scores: Of each class, in the order of the model; empty without a model.
        reason: In words, why this was reported and, where no class is given, why not.
        looks_like: Action units that its displacements look like, the strongest first; nobody coded
            them.
        face_xyxy: Left, top, right and bottom edge of the face at the apex, pixels of the video.
    """

    class_name: str | None = None
    confidence: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    looks_like: tuple[UnitHint, ...] = ()
    face_xyxy: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @property
    def headline(self) -> str:
        """The class with how sure it is, or that there is none."""
        if self.class_name is None:
            return "Not sure of the class" if self.scores else "A movement, without a class"
        sure = "not calibrated"
        if self.confidence is not None:
            sure = f"confidence {self.confidence:.2f}"
        return f"{self.class_name.capitalize()}, {sure}"
