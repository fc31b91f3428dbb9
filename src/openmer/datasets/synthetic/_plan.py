"""How large a synthetic corpus is: its pseudo corpora, subjects, and the class of every clip."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from openmer.errors import ConfigError, unknown_name

CLASSES = ("negative", "positive", "surprise")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One pseudo corpus.

    Attributes:
        corpus: Its name.
        subjects: Ids of its subjects. The same id in another part is another subject.
        fps: Exact frames per second.
        movement_frames: Fewest and most frames from onset to offset, both included.
    """

    corpus: str
    subjects: tuple[str, ...]
    fps: Fraction
    movement_frames: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusPlan:
    """How large a synthetic corpus is and how hard.

    Attributes:
        parts: The pseudo corpora.
        clips_per_subject: On average; all classes together.
        frame_size: Width and height of a frame in pixels.
        amplitude_px: Smallest and largest displacement at the apex, drawn evenly, in pixels.
        noise: Factor on the camera noise; 0 is none.
        sway: Factor on the drift of the head; 0 is none.
        uneven: Every fourth subject has two clips fewer and lacks a class; the one before has them.

    Raises:
        ConfigError: The numbers cannot be rendered; the message names the one at fault.
    """

    parts: tuple[Part, ...]
    clips_per_subject: int
    frame_size: int = 128
    amplitude_px: tuple[float, float] = (0.5, 3.0)
    noise: float = 1.0
    sway: float = 1.0
    uneven: bool = False

    def __post_init__(self) -> None:
        low, high = self.amplitude_px
        if not 0 < low <= high <= self.frame_size / 40:
            raise ConfigError(
                f"amplitude_px is {low}..{high} at a frame_size of {self.frame_size}. Give two "
                f"rising numbers above 0, at most {self.frame_size / 40:g} (a fortieth of the "
                "frame, beyond which skin would fold), or enlarge frame_size."
            )
        if self.clips_per_subject < (3 if self.uneven else 1):
            raise ConfigError(
                f"clips_per_subject is {self.clips_per_subject}; give 3 or more where subjects are "
                "uneven, at least 1 otherwise."
            )
        for part in self.parts:
            if not 7 <= part.movement_frames[0] <= part.movement_frames[1]:
                raise ConfigError(
                    f"movement_frames of {part.corpus} is {part.movement_frames}; give two rising "
                    "numbers of at least 7, so that the apex has room between onset and offset."
                )


_TWELVE_SUBJECTS = (
    Part(
        corpus="synth-a",
        subjects=("s1", "s2", "s11", "s12"),
        fps=Fraction(200),
        movement_frames=(18, 24),
    ),
    Part(
        corpus="synth-b",
        subjects=("s01", "s1", "s10", "s11"),
        fps=Fraction(100),
        movement_frames=(16, 22),
    ),
    Part(
        corpus="synth-c",
        subjects=("006", "007", "011", "06"),
        fps=Fraction(30000, 1001),
        movement_frames=(12, 15),
    ),
)

SIZES = MappingProxyType(
    {
        "tiny": CorpusPlan(
            parts=(
                Part(
                    corpus="synth-a",
                    subjects=("s1", "s2", "s11"),
                    fps=Fraction(100),
                    movement_frames=(9, 12),
                ),
                Part(
                    corpus="synth-b",
                    subjects=("s01", "s1", "s11"),
                    fps=Fraction(30000, 1001),
                    movement_frames=(9, 12),
                ),
            ),
            clips_per_subject=3,
        ),
        "demo": CorpusPlan(
            parts=_TWELVE_SUBJECTS, clips_per_subject=6, frame_size=160, uneven=True
        ),
        "subtle": CorpusPlan(
            parts=_TWELVE_SUBJECTS,
            clips_per_subject=4,
            frame_size=160,
            amplitude_px=(0.08, 0.4),
            noise=2.0,
            sway=3.0,
            uneven=True,
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One clip to be rendered."""

    part: Part
    subject: str
    name: str
    class_name: str

    @property
    def subject_id(self) -> str:
        """The subject, unique across the parts."""
        return f"{self.part.corpus}/{self.subject}"


def corpus_plan(size: str | CorpusPlan) -> CorpusPlan:
    """Return the plan of that name, or the plan itself."""
    if isinstance(size, CorpusPlan):
        return size
    if size not in SIZES:
        raise unknown_name("size of the synthetic corpus", size, SIZES)
    return SIZES[size]


def slots(plan: CorpusPlan, seed: int) -> list[Slot]:
    """Every clip of the plan with its class; the classes are shuffled inside each subject."""
    subjects = [(part, subject) for part in plan.parts for subject in part.subjects]
    found = []
    for number, (part, subject) in enumerate(subjects):
        classes = _class_numbers(plan, number, len(subjects))
        order = stream(seed, part.corpus, subject, "classes").permutation(len(classes))
        for i, at in enumerate(order, start=1):
            name = CLASSES[classes[at]]
            found.append(Slot(part=part, subject=subject, name=f"ep{i:02}", class_name=name))
    return found


def _class_numbers(plan: CorpusPlan, number: int, subjects: int) -> list[int]:
    """Classes of the clips of subject `number`; over all subjects every class is as frequent."""
    count = plan.clips_per_subject
    if not plan.uneven or number % 4 < 2 or number - number % 2 + 1 >= subjects:
        return [(number * count + i) % 3 for i in range(count)]
    first = number - number % 2
    pool = [(first * count + i) % 3 for i in range(2 * count)]
    lacking = (number // 4) % 3
    few = [c for c in pool if c != lacking][: count - 2]
    if number % 2:
        return few
    for c in few:
        pool.remove(c)
    return pool


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return a generator of its own for each purpose, so that no draw depends on another."""
    return np.random.default_rng([seed, zlib.crc32("\0".join(names).encode())])
