"""Label schemes: how annotators' words become classes, with the paper that defined the grouping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from openmer.clip import Clip, Image
from openmer.errors import DataError, ProtocolError
from openmer.registry import Registry

Labelled = TypeVar("Labelled", Clip, Image)


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

_NEGATIVE = ("anger", "contempt", "disgust", "fear", "sadness")
_SAME = {"angry": "anger", "happy": "happiness", "sad": "sadness"}  # FER2013, CK+, AffectNet


def _three(
    name: str, negative: tuple[str, ...], dropped: tuple[str, ...], source: str
) -> LabelScheme:
    """Negative, positive (happiness) and surprise, with both spellings of each word."""
    groups = {**dict.fromkeys(negative, "negative"), "happiness": "positive"}
    groups["surprise"] = "surprise"
    spelt = {short: groups[word] for short, word in _SAME.items() if word in groups}
    also = [short for short, word in _SAME.items() if word in dropped]
    return LabelScheme(
        name=name,
        classes=("negative", "positive", "surprise"),
        words=MappingProxyType({**groups, **spelt}),
        dropped=frozenset((*dropped, *also)),
        source=source,
    )


def _own_words(
    name: str, classes: tuple[str, ...], dropped: tuple[str, ...], source: str
) -> LabelScheme:
    """Every class is one word of the annotators."""
    return LabelScheme(
        name=name,
        classes=classes,
        words=MappingProxyType({word: word for word in classes}),
        dropped=frozenset(dropped),
        source=source,
    )


CASME2_5 = _own_words(
    "casme2-5",
    ("disgust", "happiness", "others", "repression", "surprise"),
    ("fear", "sadness"),
    "Five classes of CASME II: 246 clips in the coding of 2014",
)
CASME2_3 = _three(
    "casme2-3",
    ("disgust", "repression"),
    ("others", "fear", "sadness"),
    "Three classes of CASME II as in MEGC 2019: fear and sadness are out",
)
SAMM_5 = _own_words(
    "samm-5",
    ("anger", "contempt", "happiness", "other", "surprise"),
    ("disgust", "fear", "sadness"),
    "Five classes of SAMM: 136 clips",
)
SMIC_3 = _own_words(
    "smic-3",
    ("negative", "positive", "surprise"),
    (),
    "Li et al. (2013): the three labels of SMIC",
)
CASME3_3 = _three(
    "casme3-3",
    ("anger", "disgust", "fear", "sadness"),
    ("others",),
    "Three classes of CAS(ME)^3 part A: 699 clips",
)
MACRO_3 = _three(
    "macro-3",
    _NEGATIVE,
    ("neutral", "none", "uncertain", "no-face"),
    "Efficient-ME and dense connections with mixed attention: pretraining on FER2013, CK+, RAF-DB",
)
MOBILEVIT_SVM_3 = _three(
    "mobilevit-svm-3",
    ("anger", "disgust", "sadness"),
    ("contempt", "fear", "neutral"),
    "MobileViT with SVM: pretraining on CK+, Oulu-CASIA, JAFFE and MUG",
)

_SCHEMES: Registry[LabelScheme] = Registry("label scheme")


def register_label_scheme(scheme: LabelScheme) -> LabelScheme:
    """List a label scheme under its name; methods choose it by ``label_scheme``.

    Args:
        scheme: Its classes, and the class of each word of the annotators.

    Returns:
        The scheme.

    Raises:
        ValueError: The name is taken, or a word belongs to a class that the scheme lacks.

    Example:
        scheme = LabelScheme(
            name="happy-or-not",
            classes=("happy", "other"),
            words={"happiness": "happy", "disgust": "other"},
            dropped=frozenset({"surprise"}),
            source="our lab",
        )
        openmer.register_label_scheme(scheme)
    """
    lost = set(scheme.words.values()) - set(scheme.classes)
    if lost:
        raise ValueError(f"Label scheme {scheme.name!r} has no class {', '.join(sorted(lost))}.")
    _SCHEMES.add(scheme.name, scheme)
    return scheme


for _scheme in (
    MEGC2019_3, CASME2_5, CASME2_3, SAMM_5, SMIC_3, CASME3_3, MACRO_3, MOBILEVIT_SVM_3,
):  # fmt: skip
    register_label_scheme(_scheme)


def list_label_schemes() -> list[str]:
    """List the names of all label schemes, sorted."""
    return _SCHEMES.names()


def label_scheme(name: str) -> LabelScheme:
    """Return the scheme of that name.

    Raises:
        ConfigError: No scheme has that name; the nearest one is suggested.
    """
    return _SCHEMES[name]


def labelled(
    clips: Iterable[Labelled], scheme: LabelScheme
) -> tuple[tuple[Labelled, ...], tuple[int, ...]]:
    """Return the clips (or images) a scheme keeps, in their order, and their class indices.

    Raises:
        DataError: A clip's word is outside the scheme; the clip is named.
        ProtocolError: A class of the scheme has no clip at all.
    """
    kept: list[Labelled] = []
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
