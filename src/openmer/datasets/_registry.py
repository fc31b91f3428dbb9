"""The list of corpora: a dictionary from name to facts and reader, and what is done with them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from openmer.clip import Clip, Image
from openmer.datasets._facts import CorpusFacts, Options, advice, options_of
from openmer.datasets._reading import Problem, Reading, count_problems, error
from openmer.datasets._roots import find_root
from openmer.errors import ConfigError, DataError, unknown_name
from openmer.registry import Registry

Roots = Path | Mapping[str, Path] | None
"""One folder; or the folder of each corpus by its name; or None, which asks `roots`."""
GivenRoot = Path | str | Mapping[str, Path | str] | None
Reader = Callable[[Path, Options], Reading]
AnyReader = Callable[[Roots, Options], Reading]

Corpus = tuple[CorpusFacts, AnyReader, tuple[str, ...]]
"""The facts of a corpus, its reader, and the names of its parts."""

_CORPORA: Registry[Corpus] = Registry("corpus", "openmer.datasets")
_SHOWN = 5
_log = logging.getLogger("openmer.datasets")


def register_corpus(corpus: CorpusFacts) -> Callable[[Reader], Reader]:
    """Return a decorator that lists the reader of a corpus that lies in one folder.

    Args:
        corpus: Name, title, paper, access, terms, and the counts of a whole copy.

    Returns:
        The decorator. The function takes the folder and `openmer.datasets.Options`, and returns
        `openmer.datasets.Reading`: clips or images, and the problems met on the way.

    Raises:
        ValueError: The name is taken.

    Example:
        FACTS = CorpusFacts(
            name="ours",
            title="Ours",
            holds="clips",
            paper="none",
            access="ask us",
            terms="none",
            variants={"all": Counts(words={"happiness": None, "disgust": None})},
        )


        @openmer.register_corpus(FACTS)
        def read(root, options):
            return Reading(items=openmer.load_clips(root / "clips.csv").clips)
    """

    def add(read: Reader) -> Reader:
        def read_found(root: Roots, options: Options) -> Reading:
            own = root.get(corpus.name) if isinstance(root, Mapping) else root
            return read(find_root(corpus.name, own, access=corpus.access), options)

        _add(corpus, read_found, (corpus.name,))
        return read

    return add


def register_composite(
    corpus: CorpusFacts, parts: Iterable[str]
) -> Callable[[AnyReader], AnyReader]:
    """List the reader of a corpus made of others, which finds their folders itself."""

    def add(read: AnyReader) -> AnyReader:
        _add(corpus, read, tuple(parts))
        return read

    return add


def _add(corpus: CorpusFacts, read: AnyReader, parts: tuple[str, ...]) -> None:
    _CORPORA.add(corpus.name, (corpus, read, parts))


def list_datasets() -> list[str]:
    """Names of all corpora, sorted."""
    return _CORPORA.names()


def facts(name: str) -> CorpusFacts:
    """Return the declared facts of a corpus.

    Raises:
        ConfigError: No corpus has that name; the nearest one is suggested.
    """
    return _CORPORA[name][0]


def parts_of(name: str) -> tuple[str, ...]:
    """List the corpora that have folders of their own: the parts of a composite, or itself.

    Raises:
        ConfigError: No corpus has that name; the nearest one is suggested.
    """
    return _CORPORA[name][2]


def load(
    name: str,
    root: GivenRoot = None,
    *,
    variant: str | None = None,
    frames: str | None = None,
    per_sequence: int | None = None,
    strict: bool = True,
) -> tuple[Clip, ...] | tuple[Image, ...]:
    """Read the clips or images of a corpus, in the order of the authors' list.

    Args:
        name: One of `list_datasets()`.
        root: Its folder; None asks the environment and the config file (see `roots`). For a
            composite the folder with its parts in it, or the folder of each part by its name;
            parts that are not named are asked for.
        variant: The coding or recording, one of the corpus's `variants`; None is the first.
        frames: The form of the frames, one of its `forms`; "none" reads names and sheets only:
            clips then have no frames and count from their onset. None is the first form.
        per_sequence: Images from each sequence, for corpora of sequences; None is their default.
        strict: Refuse a copy in which an item cannot be read, or a composite whose counts differ;
            otherwise such items are left out.

    Raises:
        ConfigError: No such corpus, variant or form; or the root is not known.
        DataError: The corpus is not there, or is refused; the first five problems are listed.
    """
    reading = read(
        name,
        root,
        options_of(facts(name), variant=variant, frames=frames, per_sequence=per_sequence),
    )
    if strict:
        refuse(name, reading)
    if reading.problems:
        _log.info("%s: %d problems noted", name, len(reading.problems))
    return reading.items


def load_clips(
    name: str,
    root: GivenRoot = None,
    *,
    variant: str | None = None,
    frames: str | None = None,
    strict: bool = True,
) -> tuple[Clip, ...]:
    """As `load`, for a corpus of micro-expression clips.

    Raises:
        ConfigError: As `load`; or the corpus holds images.
        DataError: As `load`.
    """
    if facts(name).holds != "clips":
        raise ConfigError(f"{facts(name).title} holds images, no clips. Use load_images.")
    items = load(name, root, variant=variant, frames=frames, strict=strict)
    return tuple(item for item in items if isinstance(item, Clip))


def load_images(
    name: str,
    root: GivenRoot = None,
    *,
    variant: str | None = None,
    frames: str | None = None,
    per_sequence: int | None = None,
    strict: bool = True,
) -> tuple[Image, ...]:
    """As `load`, for a corpus of macro-expression images.

    Raises:
        ConfigError: As `load`; or the corpus holds clips.
        DataError: As `load`.
    """
    if facts(name).holds != "images":
        raise ConfigError(f"{facts(name).title} holds clips, no images. Use load_clips.")
    items = load(
        name, root, variant=variant, frames=frames, per_sequence=per_sequence, strict=strict
    )
    return tuple(item for item in items if isinstance(item, Image))


def check(
    name: str,
    root: GivenRoot = None,
    *,
    variant: str | None = None,
    frames: str | None = None,
    per_sequence: int | None = None,
) -> list[Problem]:
    """Every difference between a copy of a corpus and a whole one; an empty list is good.

    Missing frames and odd values first, then counts. A corpus that is not there at all is one
    problem, which says how to ask for it. The arguments are those of `load`.

    Raises:
        ConfigError: As `load`.
    """
    options = options_of(facts(name), variant=variant, frames=frames, per_sequence=per_sequence)
    return list(examine(name, root, options).problems)


def examine(name: str, root: GivenRoot, options: Options) -> Reading:
    """Read what can be read of a corpus; also return all that `check` says about it.

    Raises:
        ConfigError: The root is not known.
    """
    try:
        reading = read(name, root, options)
    except DataError as problem:
        return Reading(items=(), problems=(error(name, str(problem)),))
    return counted(name, reading, options)


def counted(name: str, reading: Reading, options: Options) -> Reading:
    """Return a reading with its differences from the counts of a whole copy, each problem once."""
    corpus = facts(name)
    problems = [*reading.problems, *count_problems(corpus, options, reading.items)]
    if not reading.items:
        problems.append(error(name, f"nothing could be read. {advice(corpus)}"))
    return Reading(items=reading.items, problems=tuple(dict.fromkeys(problems)))


def refuse(name: str, reading: Reading) -> None:
    """Raise where something could not be read, or a composite is not whole.

    Raises:
        DataError: The first five such problems are listed.
    """
    fatal = [problem for problem in reading.problems if problem.fatal]
    if fatal:
        shown = "; ".join(str(problem) for problem in fatal[:_SHOWN])
        raise DataError(
            f"{facts(name).title} has {len(fatal)} problems, e.g. {shown}. See them all with: "
            f"openmer datasets check {name}. Repair the copy, or go on without these items: "
            "strict=False in Python, --on-failure list on the command line."
        )


def read(name: str, root: GivenRoot, options: Options) -> Reading:
    """Items and problems of a corpus.

    Raises:
        ConfigError: The root is not known, or given for a corpus that is no part of this one.
        DataError: The corpus is not there, or its sheet cannot be read at all.
    """
    _, reader, parts = _CORPORA[name]
    if not isinstance(root, Mapping):
        return reader(None if root is None else Path(root), options)
    for part in root:
        if part not in parts:
            raise unknown_name(f"part of {facts(name).title}", part, parts)
    return reader({part: Path(folder) for part, folder in root.items()}, options)
