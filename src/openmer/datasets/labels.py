"""Label schemes: how annotators' words become classes, with the paper that defined the grouping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from openmer.clip import Clip
from openmer.errors import DataError, ProtocolError, unknown_name


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScheme:
    """A grouping of the annotators' words.

    Attributes:
        name: How the scheme is called in a method file.
        classes: Class names in the order of their indices.
        words: Annotators' word (lower case) to class name.
        dropped: Words that the scheme leaves out on purpose.
        source: The paper or protocol that defined it.
    """

    name: str
    classes: tuple[str, ...]
    words: Mapping[str, str]
    dropped: frozenset[str]
    source: str

    def index_of(self, emotion: str) -> int | None:
        """Class index of an annotators' word; None where the scheme drops it.

        Raises:
            DataError: The word is neither grouped nor dropped by this scheme.
        """
        word = emotion.strip().lower()
        if word in self.dropped:
            return None
        if word not in self.words:
            raise DataError(
                f"Label {emotion!r} is outside the scheme {self.name!r}. It knows "
                f"{', '.join(sorted(self.words))} and drops "
                f"{', '.join(sorted(self.dropped)) or 'nothing'}. Correct the label or choose "
                "another label_scheme."
            )
        return self.classes.index(self.words[word])


MEGC2019_3 = LabelScheme(
    name="megc2019-3",
    classes=("negative", "positive", "surprise"),
    words=MappingProxyType(
        {
            "negative": "negative",
            "positive": "positive",
            "surprise": "surprise",
            "happiness": "positive",
            "repression": "negative",
            "anger": "negative",
            "contempt": "negative",
            "disgust": "negative",
            "fear": "negative",
            "sadness": "negative",
        }
    ),
    dropped=frozenset({"others", "other"}),
    source="See et al. (2019), MEGC 2019: the Second Facial Micro-Expressions Grand Challenge",
)

_SCHEMES = {scheme.name: scheme for scheme in (MEGC2019_3,)}


def label_scheme(name: str) -> LabelScheme:
    """The scheme of that name.

    Raises:
        ConfigError: No scheme has that name; the nearest one is suggested.
    """
    if name not in _SCHEMES:
        raise unknown_name("label scheme", name, _SCHEMES)
    return _SCHEMES[name]


def labelled(
    clips: Iterable[Clip], scheme: LabelScheme
) -> tuple[tuple[Clip, ...], tuple[int, ...]]:
    """The clips a scheme keeps, in their order, and their class indices.

    Raises:
        DataError: A clip's word is outside the scheme; the clip is named.
        ProtocolError: A class of the scheme has no clip at all.
    """
    kept: list[Clip] = []
    targets: list[int] = []
    for clip in clips:
        try:
            target = scheme.index_of(clip.emotion)
        except DataError as error:
            raise DataError(f"{clip.key}: {error}") from error
        if target is not None:
            kept.append(clip)
            targets.append(target)
    missing = [name for i, name in enumerate(scheme.classes) if i not in set(targets)]
    if missing:
        raise ProtocolError(
            f"No clip of class {', '.join(missing)}: its F1 and recall would be undefined. Found "
            f"{len(kept)} clips. Add clips of that class or choose a label_scheme without it."
        )
    return tuple(kept), tuple(targets)
