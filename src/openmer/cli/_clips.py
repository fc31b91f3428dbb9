"""The clips that a command works on, from a manifest or a corpus by its name, and their arrays."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from openmer.cli._console import warn
from openmer.clip import Clip
from openmer.errors import ConfigError, DataError

if TYPE_CHECKING:
    from openmer.cli._options import OnFailure
    from openmer.datasets import ClipSource
    from openmer.deployment import Moments
    from openmer.evaluation import Progress, Protocol, Task
    from openmer.methods import Method


def clips_of(
    manifest: Path | None,
    corpus: str | None,
    roots: Sequence[str] | None = None,
    *,
    variant: str | None = None,
    frames: str | None = None,
    strict: bool = False,
) -> ClipSource:
    """Read the clips that the options name.

    Args:
        manifest: A CSV file.
        corpus: The name of a corpus; exactly one of the two is given.
        roots: A folder; or ``PART=PATH`` for parts of a composite; or the folder of a composite
            and parts that lie elsewhere.
        variant: The coding or recording of the corpus.
        frames: The form of its frames.
        strict: Refuse a corpus in which a clip cannot be read.

    Raises:
        ConfigError: Both or neither are given, or options of a corpus without one; or a name or
            root is wrong (see `from_corpus`).
        DataError: The clips cannot be read.
    """
    from openmer.datasets import from_corpus, from_manifest

    if (manifest is None) == (corpus is None):
        found = "neither" if manifest is None else "both"
        raise ConfigError(
            f"Found {found} of --manifest and --corpus, expected one: --manifest FILE for clips of "
            "your own, or --corpus NAME for one of `openmer datasets list`."
        )
    if corpus is not None:
        root = _roots(corpus, roots or ())
        return from_corpus(corpus, root, variant=variant, frames=frames, strict=strict)
    options = {"--root": roots, "--variant": variant, "--frames": frames}
    alone = [name for name, value in options.items() if value]
    if alone or manifest is None:
        raise ConfigError(
            f"Found {', '.join(alone)} beside --manifest, expected it only with --corpus. Leave it "
            "out, or give --corpus NAME in place of --manifest."
        )
    return from_manifest(manifest)


def clip_named(source: ClipSource, key: str) -> Clip:
    """Return the clip of that key.

    Raises:
        ConfigError: There is none; near or first keys are given.
        DataError: The corpus lists it, but it could not be read.
    """
    by_key = {clip.key: clip for clip in source.clips}
    for difference in source.differences:
        if key not in by_key and difference.startswith(f"{key}: "):
            raise DataError(f"{difference}. Repair the copy of {source.title}.")
    if key not in by_key:
        near = difflib.get_close_matches(key, by_key, n=3, cutoff=0.3) or list(by_key)[:3]
        raise ConfigError(
            f"There is no clip {key!r} among the {len(by_key)} of {source.title}. "
            f"Near or first ones: {', '.join(near)}."
        )
    return by_key[key]


def moments_of(onset: int | None, apex: int | None, offset: int | None, fps: str | None) -> Moments:
    """When a movement happens, as the options say.

    Raises:
        ConfigError: The frames per second are no rate.
    """
    from openmer.deployment import Moments

    return Moments(onset=onset, apex=apex, offset=offset, fps=fps_of(fps))


def fps_of(text: str | None) -> Fraction | None:
    """Read the rate that a text gives; None for none.

    Raises:
        ConfigError: It is no rate.
    """
    if text is None:
        return None
    try:
        fps = Fraction(text)
    except (ValueError, ZeroDivisionError):
        fps = Fraction(0)
    if fps <= 0:
        raise ConfigError(f"--fps is {text!r}, which is no rate. Write 200, 29.97 or 30000/1001.")
    return fps


def _roots(corpus: str, given: Sequence[str]) -> Path | dict[str, Path] | None:
    """Return the roots of a corpus or its parts; a composite's plain folder holds all its parts."""
    from openmer.datasets import parts_of

    if not given:
        return None
    named: dict[str, Path] = {}
    folders: list[Path] = []
    for text in given:
        part, equals, path = text.partition("=")
        if equals and re.fullmatch(r"\w+", part):
            named[part] = Path(path)
        else:
            folders.append(Path(text))
    parts = parts_of(corpus)
    some_twice = len(named) + len(folders) < len(given) or len(folders) > 1
    if some_twice or (named and folders and len(parts) == 1):
        raise ConfigError(
            f"Found {len(given)} folders for {corpus}, expected one. The parts of a composite may "
            "have one each, as --root casme2=PATH."
        )
    if not named:
        return folders[0]
    inside = {part: folder / part for folder in folders for part in parts}
    return {**inside, **named}


def prepared(
    method: Method,
    source: ClipSource,
    protocol: Protocol,
    workers: int,
    on_failure: OnFailure,
    report: Progress,
) -> Task:
    """Prepare the task of a command that trains, with cached arrays.

    Raises:
        OpenMERError: As `openmer.evaluation.prepare_task`.
    """
    from openmer.evaluation import prepare_task
    from openmer.preprocessing import ArrayCache

    return prepare_task(
        method,
        source,
        protocol=protocol,
        cache=ArrayCache(),
        workers=workers,
        on_failure=on_failure.value,
        on_progress=report,
    )


def warn_of_leaks(task: Task) -> None:
    """One line where pictures of tested subjects made the weights that the folds start from."""
    from openmer.evaluation import seen_subjects, start_of

    seen = seen_subjects(task)
    if seen:
        warn(
            f"LEAKY: pictures of {len(seen)} of {len(task.folds)} tested subjects, {seen[0]} for "
            f"one, made the weights {start_of(task.method)}. `openmer audit` names them all."
        )
