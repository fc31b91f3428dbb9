"""The list of corpora: a dictionary from name to facts and reader, and what is done with them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from openmer.clip import Clip, Image
from openmer.datasets._facts import CorpusFacts, Options, advice, options_of
from openmer.datasets._reading import Problem, Reading, count_problems, error
from openmer.datasets.roots import find_root
from openmer.errors import ConfigError, DataError, unknown_name

Reader = Callable[[Path, Options], Reading]
AnyReader = Callable[[Path | None, Options], Reading]

_CORPORA: dict[str, tuple[CorpusFacts, AnyReader]] = {}
_SHOWN = 5
_log = logging.getLogger("openmer.datasets")


def register(corpus: CorpusFacts) -> Callable[[Reader], Reader]:
    """Decorator: list the reader of a corpus that lies in one folder."""

    def add(read: Reader) -> Reader:
        def read_found(root: Path | None, options: Options) -> Reading:
            return read(find_root(corpus.name, root), options)

        _add(corpus, read_found)
        return read

    return add


def register_composite(corpus: CorpusFacts) -> Callable[[AnyReader], AnyReader]:
    """Decorator: list the reader of a corpus made of others, which finds their folders itself."""

    def add(read: AnyReader) -> AnyReader:
        _add(corpus, read)
        return read

    return add


def _add(corpus: CorpusFacts, read: AnyReader) -> None:
    if corpus.name in _CORPORA:
        raise ValueError(f"The corpus name {corpus.name!r} is taken; choose another.")
    _CORPORA[corpus.name] = (corpus, read)


def list_datasets() -> list[str]:
    """Names of all corpora, sorted."""
    return sorted(_CORPORA)


def facts(name: str) -> CorpusFacts:
    """The declared facts of a corpus.

    Raises:
        ConfigError: No corpus has that name; the nearest one is suggested.
    """
    return _corpus(name)[0]


def load(
    name: str,
    root: Path | str | None = None,
    *,
    variant: str | None = None,
    frames: str | None = None,
    stills: int | None = None,
    strict: bool = True,
) -> tuple[Clip, ...] | tuple[Image, ...]:
    """The clips or images of a corpus, in the order of the authors' list.

    Args:
        name: One of `list_datasets()`.
        root: Its folder; None asks the environment and the config file (see `roots`).
        variant: The coding or recording, one of the corpus's `variants`; None is the first.
        frames: The form of the frames, one of its `forms`; "none" reads names and sheets only:
            clips then have no frames and count from their onset. None is the first form.
        stills: Images from each sequence, for corpora of sequences; None is their default.
        strict: Refuse a copy in which an item cannot be read, or a composite whose counts differ;
            otherwise such items are left out.

    Raises:
        ConfigError: No such corpus, variant or form; or the root is not known.
        DataError: The corpus is not there, or is refused; the first five problems are listed.
    """
    reading = read(
        name, root, options_of(facts(name), variant=variant, frames=frames, stills=stills)
    )
    fatal = [problem for problem in reading.problems if problem.fatal]
    if strict and fatal:
        shown = "; ".join(str(problem) for problem in fatal[:_SHOWN])
        raise DataError(
            f"{facts(name).title} has {len(fatal)} problems, e.g. {shown}. See them all with: "
            f"openmer datasets check {name}. Repair the copy, or give strict=False to go on "
            "without these items."
        )
    if reading.problems:
        _log.info("%s: %d problems noted", name, len(reading.problems))
    return reading.items


def load_clips(
    name: str,
    root: Path | str | None = None,
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
    root: Path | str | None = None,
    *,
    variant: str | None = None,
    frames: str | None = None,
    stills: int | None = None,
    strict: bool = True,
) -> tuple[Image, ...]:
    """As `load`, for a corpus of macro-expression stills.

    Raises:
        ConfigError: As `load`; or the corpus holds clips.
        DataError: As `load`.
    """
    if facts(name).holds != "images":
        raise ConfigError(f"{facts(name).title} holds clips, no images. Use load_clips.")
    items = load(name, root, variant=variant, frames=frames, stills=stills, strict=strict)
    return tuple(item for item in items if isinstance(item, Image))


def check(
    name: str,
    root: Path | str | None = None,
    *,
    variant: str | None = None,
    frames: str | None = None,
    stills: int | None = None,
) -> list[Problem]:
    """Every difference between a copy of a corpus and a whole one; an empty list is good.

    Missing frames and odd values first, then counts. A corpus that is not there at all is one
    problem, which says how to ask for it. The arguments are those of `load`.

    Raises:
        ConfigError: As `load`.
    """
    options = options_of(facts(name), variant=variant, frames=frames, stills=stills)
    return list(examine(name, root, options).problems)


def examine(name: str, root: Path | str | None, options: Options) -> Reading:
    """What can be read of a corpus, and all that `check` says about it.

    Raises:
        ConfigError: The root is not known.
    """
    corpus = facts(name)
    try:
        reading = read(name, root, options)
    except DataError as problem:
        return Reading(items=(), problems=(error(name, str(problem)),))
    problems = [*reading.problems, *count_problems(corpus, options, reading.items)]
    if not reading.items:
        problems.append(error(name, f"nothing could be read. {advice(corpus)}"))
    return Reading(items=reading.items, problems=tuple(dict.fromkeys(problems)))


def read(name: str, root: Path | str | None, options: Options) -> Reading:
    """Items and problems of a corpus.

    Raises:
        ConfigError: The root is not known.
        DataError: The corpus is not there, or its sheet cannot be read at all.
    """
    return _corpus(name)[1](None if root is None else Path(root), options)


def _corpus(name: str) -> tuple[CorpusFacts, AnyReader]:
    if name not in _CORPORA:
        raise unknown_name("corpus", name, _CORPORA)
    return _CORPORA[name]
