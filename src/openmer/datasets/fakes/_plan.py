"""What a fake corpus holds, and the clips it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from openmer.datasets._facts import CorpusFacts
from openmer.datasets.synthetic._clips import generate
from openmer.datasets.synthetic._plan import CorpusPlan, Part
from openmer.errors import ConfigError

if TYPE_CHECKING:
    from openmer.datasets.synthetic._clips import SyntheticClip

_SMALL_SUBJECTS = 3
_SMALL_PER_WORD = 2
_POSITIVE = frozenset({"happiness", "happy", "positive"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FakePlan:
    """How large a fake corpus is.

    Attributes:
        variant: One of the corpus's variants.
        words: Clips, images or sequences per word, in the authors' order.
        subjects: How many; 0 where nobody is named.
        frames: Whether images are written, or names and sheets only.
        full: It holds as much as the real corpus.
    """

    variant: str
    words: Mapping[str, int]
    subjects: int
    frames: bool
    full: bool

    def each(self) -> list[tuple[int, str]]:
        """Yield the subject's number and the word of every item; subjects take turns."""
        words = [word for word, count in self.words.items() for _ in range(count)]
        return [(at % max(1, self.subjects), word) for at, word in enumerate(words)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeClip:
    """A clip as a camera would number it.

    Attributes:
        at: Number of the clip in the corpus, from 0.
        subject: Number of its subject, from 0.
        word: The annotators' word, lower case.
        first, onset, apex, offset: Numbers of frames.
        movie: The frames; None where only names are written.
    """

    at: int
    subject_id: int
    word: str
    first: int
    onset: int
    apex: int
    offset: int
    movie: SyntheticClip | None


def small_plan(facts: CorpusFacts, variant: str, *, frames: bool) -> FakePlan:
    """Three subjects, two items per word."""
    words = MappingProxyType(dict.fromkeys(facts.variants[variant].words, _SMALL_PER_WORD))
    return FakePlan(
        variant=variant, words=words, subjects=_SMALL_SUBJECTS, frames=frames, full=False
    )


def full_plan(facts: CorpusFacts, variant: str, *, frames: bool) -> FakePlan:
    """As many subjects and items as the real corpus.

    Raises:
        ConfigError: Its counts per word are not declared.
    """
    counts = facts.variants[variant]
    words = {word: count for word, count in counts.words.items() if count is not None}
    if len(words) < len(counts.words):
        raise ConfigError(
            f"How many items {facts.title} ({variant}) has of each word is not declared, so a "
            "fake of its size cannot be made. Make a small one."
        )
    subjects = counts.subjects or 10 * _SMALL_SUBJECTS
    return FakePlan(
        variant=variant, words=MappingProxyType(words), subjects=subjects, frames=frames, full=True
    )


def fake_clips(
    corpus: str, items: Iterable[tuple[int, str]], *, frames: bool, spread: int = 40
) -> list[FakeClip]:
    """Plan a clip for each subject and word; frames count from `spread` up, differently each."""
    clips = []
    for at, (subject_id, word) in enumerate(items):
        first = spread + 7 * at
        made = movie(corpus, subject_id, word) if frames else None
        inside = (3, 7, 12) if made is None else _interval(made)
        onset, apex, offset = (first + number for number in inside)
        clips.append(
            FakeClip(
                at=at, subject_id=subject_id, word=word, first=first, onset=onset, apex=apex,
                offset=offset, movie=made,
            )
        )  # fmt: skip
    return clips


def movie(corpus: str, subject_id: int, word: str) -> SyntheticClip:
    """Synthetic frames of a subject; the clips of one subject and class share them."""
    surprised = 2 if word == "surprise" else 0
    return _movies(corpus, subject_id)[1 if word in _POSITIVE else surprised]


def _interval(made: SyntheticClip) -> tuple[int, int, int]:
    onset, apex, offset = made.clip.onset, made.clip.apex, made.clip.offset
    return (onset or 0, apex or 0, offset or 0)


@lru_cache(maxsize=256)
def _movies(corpus: str, subject_id: int) -> tuple[SyntheticClip, ...]:
    """Draw a negative, a positive and a surprised clip of a subject."""
    part = Part(
        corpus=f"fake-{corpus}",
        subjects=(str(subject_id),),
        fps=Fraction(30),
        movement_frames=(9, 12),
    )
    plan = CorpusPlan(parts=(part,), clips_per_subject=3, frame_size=80, amplitude_px=(1.0, 2.0))
    order = ("negative", "positive", "surprise")
    return tuple(sorted(generate(plan), key=lambda made: order.index(made.class_name)))
