"""What reading a corpus gives: items, and everything about it that is not as it should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from openmer.clip import Clip, Image
from openmer.datasets._facts import CorpusFacts, Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is not as it should be.

    Attributes:
        where: The clip, image, sheet or corpus.
        text: What was found, what was expected, and what was made of it.
        fatal: The item could not be read, or the copy is not whole; otherwise it is a note.
    """

    where: str
    text: str
    fatal: bool

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Items in the order of the authors' list, and the problems met on the way.

    A record, because it passes from a reader through corrections and sources to the user.

    Attributes:
        items: What could be read; an item with a fatal problem is not among them.
        problems: In the order they were met.
    """

    items: tuple[Clip, ...] | tuple[Image, ...]
    problems: tuple[Problem, ...] = ()


def error(where: str, text: str) -> Problem:
    """Report a problem that takes the item out."""
    return Problem(where=where, text=text, fatal=True)


def note(where: str, text: str) -> Problem:
    """Report a problem that leaves the item in."""
    return Problem(where=where, text=text, fatal=False)


def count_problems(
    facts: CorpusFacts, options: Options, items: Sequence[Clip | Image]
) -> list[Problem]:
    """Every difference between what was read and what a whole copy holds, one problem each."""
    expected = facts.variants[options.variant]
    times = max(1, options.per_sequence)
    unit = "images" if options.per_sequence or facts.holds == "images" else "clips"
    found = []
    subjects = len({item.subject_id for item in items})
    if expected.subjects is not None and subjects != expected.subjects:
        found.append(error(facts.name, f"{subjects} subjects, expected {expected.subjects}"))
    if expected.items is not None and len(items) != times * expected.items:
        found.append(error(facts.name, f"{len(items)} {unit}, expected {times * expected.items}"))
    hedge = " (recalled, not from a document)" if expected.words_recalled else ""
    make = note if expected.words_recalled else error
    per_word = Counter(item.emotion.strip().lower() for item in items)
    for word, count in expected.words.items():
        got = per_word.pop(word, 0)
        if count is not None and got != times * count:
            text = f"{got} {unit} of {word!r}, expected {times * count}{hedge}"
            found.append(make(facts.name, text))
    for word, got in sorted(per_word.items()):
        known = ", ".join(expected.words)
        found.append(make(facts.name, f"{got} {unit} of {word!r}, a word outside {known}{hedge}"))
    return found
