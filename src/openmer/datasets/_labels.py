"""Label schemes: how annotators' words become classes, with the paper that defined the grouping.

A scheme is data: one of ``label_schemes.toml``, a user's TOML or CSV file, a table of a method, or
what a plug-in registers.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import resources
from typing import Literal, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from openmer.clip import Clip, Image
from openmer.config import Record, read_toml
from openmer.datasets._action_units import combinations_of, parse_action_units
from openmer.datasets._paths import spelling_of, visible
from openmer.errors import ConfigError, DataError, ProtocolError
from openmer.registry import Registry

Labelled = TypeVar("Labelled", Clip, Image)

AS_ANNOTATED = "as-annotated"
_SHOWN = 8


class LabelScheme(Record):
    """A grouping of the annotators' words, or of their action units.

    Attributes:
        name: How the scheme is called in a method file.
        classes: Class names in the order of their indices. In a file also a table of the words of
            each class; a list alone makes every class its own word.
        words: Annotators' word (lower case) to class name.
        dropped: Words that the scheme leaves out on purpose, sorted.
        source: The paper or protocol that defined it.
        by: ``emotion`` groups the annotators' words; ``action_units`` their action units, whose
            combination ("4+7", without sides and intensities) is then the word.
        outside: What becomes of any other word: ``refused`` (an error), ``dropped``, or a class.
        minimum: Above 0, every word with so many clips is a class, and all others are dropped;
            `classes` are then found among the clips (see `resolved`).
        unit: Above 0, the classes are whether this action unit is absent or present in a clip; a
            doubtful one is present.
    """

    name: str = "own"
    classes: tuple[str, ...] = ()
    words: dict[str, str] = Field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    source: str = ""
    by: Literal["emotion", "action_units"] = "emotion"
    outside: str = "refused"
    minimum: int = Field(default=0, ge=0)
    unit: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, table: object) -> object:
        """Turn a table of classes into their names and words."""
        if not isinstance(table, Mapping) or not isinstance(table.get("words", {}), Mapping):
            return table
        classes, words = table.get("classes", ()), dict(table.get("words", {}))
        if isinstance(classes, Mapping):
            words = _one_class([*words.items(), *_pairs(classes)], str)
            classes = tuple(classes)
        elif not words and not table.get("unit") and isinstance(classes, list | tuple):
            words = {_plain(name): name for name in classes if isinstance(name, str)}
        if table.get("by") == "action_units":
            words = _one_class(words.items(), _combination)
        return {**table, "classes": classes, "words": words}

    @field_validator("words", mode="after")
    @classmethod
    def _in_lower_case(cls, words: dict[str, str]) -> dict[str, str]:
        return _one_class(words.items(), _plain)

    @field_validator("dropped", mode="before")
    @classmethod
    def _sorted(cls, words: object) -> object:
        if not isinstance(words, list | tuple | set | frozenset):
            return words
        texts = [_plain(word) for word in words if isinstance(word, str)]
        return tuple(sorted(texts)) if len(texts) == len(words) else words

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.classes) < 2 and not self.minimum:
            raise ValueError(f"{len(self.classes)} classes are too few, expected two or more")
        if not all(map(visible, self.classes)):
            raise ValueError("a class has no name")
        if len({spelling_of(name.strip()) for name in self.classes}) < len(self.classes):
            raise ValueError("two classes have one name, but for capitals or Unicode forms")
        if {"refused", "dropped"} & set(self.classes):
            raise ValueError("no class can be called refused or dropped")
        wanted = {*self.words.values(), *({self.outside} - {"refused", "dropped"})}
        lost = sorted(wanted - set(self.classes))
        if lost:
            raise ValueError(f"there is no class {', '.join(lost)}")
        twice = sorted(self.words.keys() & set(self.dropped))
        if twice:
            raise ValueError(f"{', '.join(twice)} is in a class and dropped, too")
        return self

    def index_of(self, emotion: str) -> int | None:
        """Class index of an annotators' word; None where the scheme drops it.

        Raises:
            DataError: The word is neither grouped nor dropped by this scheme.
        """
        name = self._class_of(_plain(emotion))
        if name == "refused":
            raise DataError(self._refused({emotion: 0}))
        return None if name == "dropped" else self.classes.index(name)

    def target(self, clip: Clip | Image) -> int | None:
        """Class index of a clip; None where the scheme drops it.

        By action units, a clip that nobody coded is dropped; one with alternatives has the class
        of all of them, or is one of the other words where they differ.

        Raises:
            DataError: The scheme knows nothing of its word, or its action units cannot be read.
        """
        if self.by == "emotion":
            return self.index_of(clip.emotion)
        coding = _coding(clip)
        if self.unit:
            places = parse_action_units(coding)
            shown = {unit.number for place in places or () for unit in place}
            return None if places is None else int(self.unit in shown)
        found = {self._class_of(word) for word in combinations_of(coding)}
        if not found:
            return None
        name = found.pop() if len(found) == 1 else self.outside
        if name == "refused":
            raise DataError(self._refused({coding: 0}))
        return None if name == "dropped" else self.classes.index(name)

    def resolved(self, clips: Iterable[Clip | Image]) -> LabelScheme:
        """Return the scheme with the classes that it finds among clips.

        Raises:
            ProtocolError: Fewer than two words have enough clips.
        """
        if not self.minimum:
            return self
        found: Counter[str] = Counter()
        for clip in clips:
            if self.by == "emotion":
                found[_plain(clip.emotion)] += 1
            else:
                found.update(combinations_of(_coding(clip))[:1])
        enough = (word for word, count in found.items() if count >= self.minimum)
        classes = tuple(sorted(set(enough) - set(self.dropped)))
        if len(classes) < 2:
            raise ProtocolError(
                f"The label scheme {self.name!r} makes a class of every word with {self.minimum} "
                f"clips or more, and found {_listed(found)}. Two such words are needed."
            )
        return self.model_copy(
            update={
                "classes": classes,
                "words": {word: word for word in classes},
                "dropped": tuple(sorted({*self.dropped, *found} - set(classes))),
                "minimum": 0,
            }
        )

    def extended(self, changes: Sequence[str]) -> LabelScheme:
        """Return the scheme with further words.

        Args:
            changes: ``word=class`` each; ``word=`` drops the word.

        Raises:
            ConfigError: A change has another form, or names no class of the scheme.
        """
        words, dropped, known = dict(self.words), set(self.dropped), ", ".join(self.classes)
        for change in changes:
            word, sign, name = (part.strip() for part in change.partition("="))
            if not sign or not word or name not in ("", *self.classes):
                raise ConfigError(
                    f"Label scheme {self.name!r}: found {change!r}, expected "
                    + (f"word=class, with one of the classes {known}, or " if known else "")
                    + "word= to drop the word."
                )
            words.pop(_plain(word), None)
            dropped.discard(_plain(word))
            if name:
                words[_plain(word)] = name
            else:
                dropped.add(_plain(word))
        name = ",".join([self.name, *changes])
        table = {**self.model_dump(), "name": name, "words": words, "dropped": dropped}
        return LabelScheme.model_validate(table)

    def _class_of(self, word: str) -> str:
        return "dropped" if word in self.dropped else self.words.get(word, self.outside)

    def _refused(self, found: Mapping[str, int]) -> str:
        """Say which words the scheme knows nothing of, and what to type."""
        words = sorted({_plain(word) for word in found})
        spec, first = self.name.split(",")[0], words[0]
        lines = [
            f"Label{'s' * (len(words) > 1)} {_listed(found)} {'are' if len(words) > 1 else 'is'} "
            f"outside the scheme {self.name!r}. It knows "
            f"{', '.join(sorted(self.words))} and drops {', '.join(self.dropped) or 'nothing'}."
        ]
        if spec in SCHEMES and not any(sign in word for word in words for sign in ",="):
            begun = self.name
            maps = ", ".join(f"{_quoted(f'{begun},{first}={name}')}" for name in self.classes)
            drops = _quoted(",".join([begun, *(f"{word}=" for word in words)]))
            lines += [
                f"To map {first!r} to a class, give --label-scheme and one of {maps}.",
                f"To drop what is outside: --label-scheme {drops}.",
            ]
        else:
            lines.append(
                f"To map it, add a row '{first},CLASS' to the CSV file of the scheme, or "
                f'words = {{"{first}" = "CLASS"}} to its table; to drop it, leave its class empty '
                "there, or list it in dropped."
            )
        near = difflib.get_close_matches(first, [*self.words, *self.dropped], n=1, cutoff=0.75)
        lines += [f"Is {near[0]!r} meant?"] if near else []
        lines.append(f"To make every word a class: --label-scheme {AS_ANNOTATED}.")
        return " ".join(lines)


SCHEMES: Registry[LabelScheme] = Registry("label scheme")


def register_label_scheme(scheme: LabelScheme) -> LabelScheme:
    """List a label scheme under its name; methods choose it by ``label_scheme``.

    Args:
        scheme: Its classes, and the class of each word of the annotators.

    Returns:
        The scheme.

    Raises:
        ValueError: The name is taken.

    Example:
        scheme = LabelScheme(
            name="happy-or-not",
            classes=("happy", "other"),
            words={"happiness": "happy", "disgust": "other"},
            dropped=("surprise",),
            source="our lab",
        )
        openmer.register_label_scheme(scheme)
    """
    SCHEMES.add(scheme.name, scheme)
    return scheme


def list_label_schemes() -> list[str]:
    """List the names of all label schemes, sorted."""
    return SCHEMES.names()


def labelled(
    clips: Iterable[Labelled], scheme: LabelScheme
) -> tuple[tuple[Labelled, ...], tuple[int, ...]]:
    """Return the clips (or images) a scheme keeps, in their order, and their class indices.

    Raises:
        DataError: Words are outside the scheme, or action units cannot be read; with all words, and
            what to type.
        ProtocolError: A class of the scheme has no clip at all.
    """
    kept: list[Labelled] = []
    targets: list[int] = []
    refused: dict[str, list[str]] = defaultdict(list)
    for clip in clips:
        try:
            target = scheme.target(clip)
        except DataError as error:
            if scheme.by == "action_units":
                raise DataError(f"{clip.key}: {error}") from error
            refused[clip.emotion].append(clip.key)
            continue
        if target is not None:
            kept.append(clip)
            targets.append(target)
    if refused:
        first = next(iter(refused.values()))[0]
        found = {word: len(keys) for word, keys in refused.items()}
        raise DataError(f"{first}: {scheme._refused(found)}")
    missing = [name for i, name in enumerate(scheme.classes) if i not in set(targets)]
    if missing:
        raise ProtocolError(
            f"No clip of class {', '.join(missing)}: its F1 and recall would be undefined. Found "
            f"{len(kept)} clips. Add clips of that class or choose a label_scheme without it."
        )
    return tuple(kept), tuple(targets)


def _listed(found: Mapping[str, int]) -> str:
    """List words with their clips, most clips first."""
    words = sorted(found, key=lambda word: (-found[word], word))
    clips = {word: f" ({found[word]} clip{'s' * (found[word] > 1)})" for word in words}
    shown = [f"{word!r}{clips[word] if found[word] else ''}" for word in words[:_SHOWN]]
    more = len(words) - _SHOWN
    return ", ".join([*shown, *([f"and {more} more"] if more > 0 else [])])


def _pairs(classes: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield each word of a table of classes with its class."""
    for name, own in classes.items():
        for word in own if isinstance(own, list | tuple) else [own]:
            if not isinstance(word, str):
                raise ValueError(f"class {name!r} has {word!r}, expected words")
            yield word, name


def _one_class(words: Iterable[tuple[str, str]], write: Callable[[str], str]) -> dict[str, str]:
    """Write words in one way; refuse one that belongs to two classes then."""
    found: dict[str, str] = {}
    for word, name in words:
        if found.setdefault(write(word), name) != name:
            raise ValueError(
                f"the word {word!r} belongs to two classes, {found[write(word)]} and {name}"
            )
    return found


def _combination(word: str) -> str:
    """Write a combination of action units as a clip's is written."""
    found = combinations_of(word)
    if len(found) != 1:
        raise ValueError(f"{word!r} is no combination of action units, such as '4+7'")
    return found[0]


def _coding(clip: Clip | Image) -> str:
    return clip.action_units if isinstance(clip, Clip) else ""


def _quoted(spec: str) -> str:
    return f"'{spec}'"


def _plain(word: str) -> str:
    return unicodedata.normalize("NFC", word).strip().lower()


UNIT_SCHEME = LabelScheme(
    name="action-units",
    classes=("absent", "present"),
    source="Facial Action Coding System: one answer for each clip and each action unit",
)
"""What a clip and an action unit say where units are the targets and there are no classes."""

for _table in read_toml(resources.files("openmer.datasets") / "label_schemes.toml")["label_scheme"]:
    register_label_scheme(LabelScheme.model_validate(_table))
