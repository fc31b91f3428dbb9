"""The scores of a spotter as records; `openmer.evaluation.spotting._score` makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openmer.evaluation._bootstrap import Interval

Scope = Literal["micro", "macro", "all", "either"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApexError:
    """How far the apex of the matched movements is from the annotated one.

    Attributes:
        matched: Pairs in which both know the apex.
        mean_frames: Mean distance in frames, 0 or more.
        median_frames: Median distance in frames.
        mean_ms: Mean distance in milliseconds at the stated frame rate; None where a rate is not
            known.
    """

    matched: int
    mean_frames: float
    median_frames: float
    mean_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """Whether the class is right, asked only of the movements that were spotted.

    Means are over the classes of the truth; a class of which nothing was spotted counts as 0, and
    so do all of them where nothing was. A movement without a class, or with one that the truth does
    not know, is a miss of its true class.

    Attributes:
        clips: Spotted movements whose true class is one of the classes.
        classes: Names of the classes, sorted.
        precision: Mean precision, 0..1.
        recall: Mean recall (UAR), 0..1.
        f1: Harmonic mean of these two, 0..1: the "F1 analysis" of the MEGC challenges.
        uf1: Mean over the classes of their F1, 0..1.
    """

    clips: int
    classes: tuple[str, ...]
    precision: float
    recall: float
    f1: float
    uf1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpottingIntervals:
    """95 % intervals by drawing whole subjects; None where there is none.

    Attributes:
        f1: Of F1, inside 0..1.
        strs: Of the spot-then-recognise score, inside 0..1.
        false_alarms_per_minute: Of that rate.
        draws: Draws that had a movement to find; those without are left out of F1 and STRS.
    """

    f1: Interval | None
    strs: Interval | None
    false_alarms_per_minute: Interval | None
    draws: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeScores:
    """How well the movements of one kind were spotted; counts are pooled over all videos.

    Attributes:
        scope: "micro" or "macro": movements of that kind alone. "all": both, each compared within
            its kind, counts added up. "either": both, and the kind does not have to be right.
        truth: Movements to find.
        found: Movements that were found.
        hits: Found ones that are true ones (true positives).
        minutes: Minutes of video, or of visible face where these were given; None where not known.
        apex: How well the apex was placed; None where no pair knows it.
        recognition: None where the truth names no class.
        intervals: None for fewer than two subjects.
    """

    scope: Scope
    truth: int
    found: int
    hits: int
    minutes: float | None
    apex: ApexError | None = None
    recognition: Recognition | None = None
    intervals: SpottingIntervals | None = None

    @property
    def false_alarms(self) -> int:
        """Found ones that are none (false positives)."""
        return self.found - self.hits

    @property
    def misses(self) -> int:
        """True ones that were not found (false negatives)."""
        return self.truth - self.hits

    @property
    def precision(self) -> float | None:
        """Share of the found ones that are true, 0..1; None where nothing was found."""
        return self.hits / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        """Share of the true ones that were found, 0..1; None where there is nothing to find."""
        return self.hits / self.truth if self.truth else None

    @property
    def f1(self) -> float | None:
        """2 TP / (2 TP + FP + FN), 0..1; None where nothing is to find and nothing was found."""
        both = self.truth + self.found
        return 2 * self.hits / both if both else None

    @property
    def strs(self) -> float | None:
        """Spot-then-recognise score: F1 times the F1 of recognition, 0..1; None without classes."""
        if self.f1 is None or self.recognition is None:
            return None
        return self.f1 * self.recognition.f1

    @property
    def false_alarms_per_minute(self) -> float | None:
        """False alarms per minute; None where the minutes are not known."""
        return self.false_alarms / self.minutes if self.minutes else None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietVideos:
    """The videos in which nothing was annotated: everything found in them is a false alarm.

    Attributes:
        videos: How many there are.
        found: Movements found in them.
        minutes: As in `ScopeScores`.
    """

    videos: int
    found: int
    minutes: float | None

    @property
    def false_alarms_per_minute(self) -> float | None:
        """False alarms per minute; None where the minutes are not known, or there is no video."""
        return self.found / self.minutes if self.minutes else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpottingScores:
    """How a spotter did on a set of videos.

    Attributes:
        micro: Micro-expressions.
        macro: Macro-expressions.
        all: Both, as the MEGC challenges pool them.
        either: Both, whatever kind a movement was taken for.
        quiet: The videos without an event.
        videos: How many videos were evaluated.
        subjects: How many subjects are in them.
        least_iou: Overlap from which a found movement is a true one.
        of_face: Minutes are those of visible faces, as they were given, and not of video.
    """

    micro: ScopeScores
    macro: ScopeScores
    all: ScopeScores
    either: ScopeScores
    quiet: QuietVideos
    videos: int
    subjects: int
    least_iou: float
    of_face: bool

    @property
    def scopes(self) -> tuple[ScopeScores, ...]:
        """All of them, in the order of a table."""
        return (self.micro, self.macro, self.all, self.either)
