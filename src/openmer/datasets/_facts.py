"""What is declared of a corpus: who made it, how to ask for it, and what a whole copy holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from openmer.config import read_toml
from openmer.datasets._roots import sheet_name
from openmer.errors import ConfigError, DataError, unknown_name

NAMES_ONLY = "none"  # the form of frames that stands for "names and sheets only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a whole copy holds. For sequences of which images are taken, the sequences count.

    Attributes:
        subjects: Subjects with at least one clip or image; None where not known, or nobody is
            named.
        items: Clips, images or sequences; None where not known.
        words: Annotators' word, lower case, to how often it occurs; None where not known.
        words_recalled: The words or their counts are not from a document at hand, so a difference
            is a note and no error.
    """

    subjects: int | None = None
    items: int | None = None
    words: Mapping[str, int | None]
    words_recalled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusFacts:
    """The declared facts of a corpus.

    Attributes:
        name: How it is called in code and in `Clip.corpus` ("casme2").
        title: How its paper calls it ("CASME II").
        holds: Clips of micro-expressions, or images of macro-expressions.
        paper: What to cite.
        access: How to ask for it.
        terms: What its licence allows.
        fps: Exact frames per second; None for images, or where it depends on the variant.
        forms: The forms its frames come in ("raw", "cropped"); the first is read by default.
        variants: Name of each coding or recording to what it holds; the first is the default.
        per_sequence: Images taken from each sequence by default; 0 where there are none.
        unsure: What this declaration or the reader does not know for certain.
    """

    name: str
    title: str
    holds: Literal["clips", "images"]
    paper: str
    access: str
    terms: str
    fps: Fraction | None = None
    forms: tuple[str, ...] = ("raw",)
    variants: Mapping[str, Counts]
    per_sequence: int = 0
    unsure: tuple[str, ...] = ()

    @property
    def default_variant(self) -> str:
        """The variant that is read where none is asked for."""
        return next(iter(self.variants))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a corpus is read; every value is set.

    Attributes:
        variant: One of `CorpusFacts.variants`.
        frames: One of `CorpusFacts.forms`, or "none": names and sheets only.
        per_sequence: Images taken from each sequence; 0 where the corpus holds no sequences.
    """

    variant: str
    frames: str
    per_sequence: int

    @property
    def wants_frames(self) -> bool:
        """Whether frames are looked for."""
        return self.frames != NAMES_ONLY


def declared(name: str) -> CorpusFacts:
    """Return the facts of a corpus that comes with OpenMER."""
    return _declared()[name]


@cache
def _declared() -> dict[str, CorpusFacts]:
    tables = read_toml(Path(__file__).with_name("corpora.toml"), "list of corpora")["corpus"]
    return {table["name"]: _facts_of(table) for table in tables}


def _facts_of(table: dict[str, Any]) -> CorpusFacts:
    variants = {}
    for name, counts in table["variants"].items():
        found = counts["words"]
        found = dict.fromkeys(found) if isinstance(found, list) else found
        variants[name] = Counts(**{**counts, "words": MappingProxyType(found)})
    changes = {
        "fps": Fraction(table["fps"]) if "fps" in table else None,
        "forms": tuple(table.get("forms", ("raw",))),
        "unsure": tuple(table.get("unsure", ())),
        "variants": MappingProxyType(variants),
    }
    return CorpusFacts(**{**table, **changes})


def words(*names: str, **counts: int) -> Mapping[str, int | None]:
    """Words with their counts, and words whose count is not known."""
    return MappingProxyType({**dict.fromkeys(names), **counts})


def options_of(
    facts: CorpusFacts,
    *,
    variant: str | None = None,
    frames: str | None = None,
    per_sequence: int | None = None,
) -> Options:
    """Options with the defaults of the corpus filled in.

    Raises:
        ConfigError: The corpus has no such variant or form, or no sequences to take images from.
    """
    variant = facts.default_variant if variant is None else variant
    if variant not in facts.variants:
        raise unknown_name(f"variant of {facts.title}", variant, facts.variants)
    frames = facts.forms[0] if frames is None else frames
    if frames not in (*facts.forms, NAMES_ONLY):
        raise unknown_name(f"form of the frames of {facts.title}", frames, (*facts.forms, "none"))
    if per_sequence is not None and (per_sequence < 1 or not facts.per_sequence):
        expected = (
            "at least 1" if facts.per_sequence else f"nothing: {facts.title} has no sequences"
        )
        raise ConfigError(f"per_sequence is {per_sequence}, expected {expected}.")
    return Options(variant=variant, frames=frames, per_sequence=per_sequence or facts.per_sequence)


def find_file(facts: CorpusFacts, root: Path, *names: str) -> Path:
    """Find the first of the names that is a file in the root or in a folder right below it.

    A workbook may have another name in the config file (see `sheet_name`).

    Raises:
        ConfigError: The config file is no TOML of its form.
        DataError: None is; says how to ask for the corpus.
    """
    own = sheet_name(facts.name) if names[0].endswith(".xlsx") else None
    return _find(facts, root, (own,) if own else names, want_folder=False)


def find_folder(facts: CorpusFacts, root: Path, *names: str) -> Path:
    """Find the first of the names that is a folder there; the root itself may have the name.

    Of a folder that holds one of its own name (``SAMM/SAMM``, as some programs unpack) the inner
    one is taken.

    Raises:
        DataError: None is; says how to ask for the corpus.
    """
    found = _find(facts, root, names, want_folder=True)
    while (inner := found / found.name).is_dir():
        found = inner
    return found


def _find(facts: CorpusFacts, root: Path, names: tuple[str, ...], *, want_folder: bool) -> Path:
    if not root.is_dir():
        raise DataError(f"{facts.title}: there is no folder {root}. {advice(facts)}")
    inner = (path for path in root.iterdir() if path.is_dir() and path.name != "__MACOSX")
    places = [root, *sorted(inner)]
    for name in names:
        for place in places:
            found = _in_folder(place, name)
            if found is not None and found.is_dir() == want_folder:
                return found
        if want_folder and root.name.lower() == name.lower():
            return root
    kind = "folder" if want_folder else "file"
    wanted = " or ".join(repr(name) for name in names)
    raise DataError(f"{facts.title} is not in {root}: there is no {kind} {wanted}. {advice(facts)}")


def _in_folder(folder: Path, name: str) -> Path | None:
    """`folder/name`, whatever the case of its letters ("spNo.1" for "spNO.1")."""
    exact = folder / name
    if exact.exists():
        return exact
    first, _, rest = name.partition("/")
    for path in sorted(folder.iterdir()):
        if path.name.lower() == first.lower():
            if not rest:
                return path
            return _in_folder(path, rest) if path.is_dir() else None
    return None


def advice(facts: CorpusFacts) -> str:
    """Return what to do when the corpus is not there."""
    return f"Give the folder that holds it, or ask for access: {facts.access}"
