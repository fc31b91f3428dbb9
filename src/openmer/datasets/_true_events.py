"""The truth about a long video: which movements of an expression it shows, and when."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from openmer.datasets._reading import Problem

Kind = Literal["micro", "macro"]

KINDS: tuple[Kind, Kind] = ("micro", "macro")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueEvent:
    """One annotated movement; frames count from 0 over the whole video, both ends included.

    Attributes:
        kind: What the annotators call it.
        onset: First frame of the movement.
        apex: Frame of the largest movement; None where it is not annotated.
        offset: Last frame of the movement.
        emotion: The annotators' own word; "" where they name none.
        subject: Number of the face it is on, where a video shows several; 1 is the first.
        action_units: The annotators' own text; "" where there is none.
    """

    kind: Kind
    onset: int
    apex: int | None = None
    offset: int
    emotion: str = ""
    subject_id: int = 1
    action_units: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedVideo:
    """A long video and every movement that was annotated in it; there may be none.

    Attributes:
        corpus: Lower-case name of the corpus; "" for a video of one's own.
        subjects: Ids of the subjects it shows, as text.
        name: Its name inside the subject; for a video of one's own its path as the table says it.
        fps: Exact frames per second; None where not known.
        frames: How many frames it has; None where not known.
        frame_paths: One image file per frame, in order; empty for a video file.
        path: The video file, or the folder of images.
        events: By onset.
    """

    corpus: str = ""
    subjects: tuple[str, ...]
    name: str
    fps: Fraction | None = None
    frames: int | None = None
    frame_paths: tuple[Path, ...] = ()
    path: Path | None = None
    events: tuple[TrueEvent, ...] = ()

    @property
    def subject(self) -> str:
        """The subjects it shows as one text."""
        return "+".join(self.subjects)

    @property
    def subject_ids(self) -> tuple[str, ...]:
        """The subjects, unique across corpora."""
        return tuple(f"{self.corpus}/{one}" if self.corpus else one for one in self.subjects)

    @property
    def key(self) -> str:
        """The video, unique across corpora and subjects; its path for a video of one's own."""
        return f"{self.corpus}/{self.subject}/{self.name}" if self.corpus else self.name

    @property
    def duration_s(self) -> float | None:
        """Seconds from the first frame to the end of the last; None where not known."""
        if self.frames is None or self.fps is None:
            return None
        return float(self.frames / self.fps)


@dataclass(frozen=True, slots=True, kw_only=True)
class LongVideos:
    """The long videos of a corpus, and everything that is not as it should be.

    A record, as `Reading` is for clips.

    Attributes:
        videos: By subject and name; those without an event are among them.
        problems: In the order they were met; an event with a fatal one is left out.
    """

    videos: tuple[AnnotatedVideo, ...]
    problems: tuple[Problem, ...] = ()
