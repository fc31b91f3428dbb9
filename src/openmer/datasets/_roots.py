"""Where the corpora lie on this machine: an option, an environment variable, or a config file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from openmer._places import user_path
from openmer.config import read_toml
from openmer.errors import ConfigError, unknown_name

T = TypeVar("T")

_DEFAULT_CONFIG = Path("~/.config/openmer/datasets.toml")


@dataclass(frozen=True, slots=True)
class _Headers:
    """Headers that a user named for one command: corpus, our name, header; and which were used.

    A record, because a context variable holds one value.
    """

    given: tuple[tuple[str, str, str], ...] = ()
    used: set[str] = field(default_factory=set)


_HEADERS: ContextVar[_Headers | None] = ContextVar("headers", default=None)


def variable(name: str) -> str:
    """Name the environment variable of a corpus's folder: ``OPENMER_CASME2_ROOT``."""
    return f"OPENMER_{name.upper()}_ROOT"


def config_file() -> Path:
    """Return the config file: ``OPENMER_CONFIG``, or ``~/.config/openmer/datasets.toml``."""
    return user_path(os.environ.get("OPENMER_CONFIG") or _DEFAULT_CONFIG, "OPENMER_CONFIG")


def find_root(name: str, root: Path | str | None = None, *, access: str = "") -> Path:
    """Find the folder of a corpus: the option, else the environment, else the config file.

    The config file says ``[roots]`` and one line per corpus, ``casme2 = "/data/CASME2"``. A path in
    it is relative to the file.

    Args:
        name: The corpus.
        root: What the user gave; None where nothing.
        access: How to ask for the corpus, for the error; "" says nothing of it.

    Raises:
        ConfigError: None of the three says where; or the config file is no TOML of this form.
    """
    found = known_root(name, root)
    if found is None:
        raise ConfigError(
            f"Where is the corpus {name!r}? {how_to_give(name)}"
            + (f" If you have no copy, ask for access: {access}." if access else "")
        )
    return found


def known_root(name: str, root: Path | str | None = None) -> Path | None:
    """As `find_root`, but None where none of the three says where the corpus is.

    Raises:
        ConfigError: The config file is no TOML of its form.
    """
    given = root or os.environ.get(variable(name))
    if given:
        return user_path(given, variable(name))
    path = config_file()
    known = _configured(path)
    said = f"{name} in {path}"
    return path.parent / user_path(known[name], said) if name in known else None


def how_to_give(name: str, what: str = "its folder") -> str:
    """Write the three ways to say where a corpus lies, as a sentence of an error."""
    return (
        f"Give {what} as an option (--root {name}=PATH; `openmer datasets check` takes PATH behind "
        f"the name), set {variable(name)}, or write "
        f'[roots] and {name} = "/path/to/it" into {config_file()}.'
    )


def column_names(corpus: str, known: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Put the headers that the config file names before those of the authors.

    The config file says ``[columns.casme2]`` and ``subject = "被试"``, or a list of headers.

    Args:
        corpus: Whose sheet it is.
        known: Our names of its columns to the authors' headers.

    Raises:
        ConfigError: It names a column that the corpus does not have; or is no TOML of this form.
    """
    path = config_file()
    tables = _table(path, "columns", dict, f'[columns.{corpus}] and subject = "its header"')
    made = dict(known)
    for name, given in tables.get(corpus, {}).items():
        headers = [given] if isinstance(given, str) else given
        if name not in known:
            raise unknown_name(f"column in [columns.{corpus}] of {path}", name, known)
        if not isinstance(headers, list) or not all(isinstance(one, str) for one in headers):
            raise ConfigError(
                f"{name} in [columns.{corpus}] of {path} is {given!r}, expected a header of the "
                "sheet, or a list of headers."
            )
        made[name] = (*headers, *known[name])
    return made | given_headers(corpus, known)


@contextmanager
def headers_named(given: Sequence[str]) -> Iterator[None]:
    """Read the sheets and tables in this block by headers that the user names.

    Args:
        given: ``[CORPUS.]COLUMN=HEADER`` each; without a corpus it holds for whatever is read.

    Raises:
        ConfigError: One has another form, or nothing that was read has such a column.
    """
    headers = _Headers(tuple(map(_header, given)))
    token = _HEADERS.set(headers)
    try:
        yield
    finally:
        _HEADERS.reset(token)
    for corpus, _, _ in headers.given:
        if corpus and corpus not in headers.used:
            read = ", ".join(sorted(headers.used)) or "nothing with named columns"
            raise ConfigError(
                f"--column names a column of {corpus!r}, but what was read is {read}. Write the "
                "name of the corpus, or leave it out."
            )


def given_headers(corpus: str, known: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the headers that the user named for the columns of a sheet or table, and no others.

    Args:
        corpus: Whose sheet it is; "manifest" for a table of one's own.
        known: Our names of its columns.

    Raises:
        ConfigError: A name is not known.
    """
    headers = _HEADERS.get() or _Headers()
    made: dict[str, tuple[str, ...]] = {}
    for owner, name, header in headers.given:
        if owner not in ("", corpus):
            continue
        if name not in known:
            raise unknown_name(f"column for --column in {corpus}", name, known)
        made[name] = (*made.get(name, ()), header)
    headers.used.add(corpus)
    return made


def _header(text: str) -> tuple[str, str, str]:
    """Split ``[CORPUS.]COLUMN=HEADER``."""
    place, _, header = text.partition("=")
    corpus, _, name = place.strip().rpartition(".")
    if not name or not header.strip():
        raise ConfigError(
            f"--column is {text!r}, expected [CORPUS.]COLUMN=HEADER, such as subject=被试."
        )
    return corpus, name, header.strip()


def sheet_name(corpus: str) -> str | None:
    """Return the file name of a corpus's sheet where ``[sheets]`` of the config file has one.

    Raises:
        ConfigError: The config file is no TOML of its form.
    """
    return _table(config_file(), "sheets", str, 'casme2 = "labels.xlsx"').get(corpus)


def _configured(path: Path) -> dict[str, str]:
    """Read the roots from the config file."""
    return _table(path, "roots", str, 'casme2 = "/data/CASME2"')


def _table(path: Path, name: str, kind: type[T], example: str) -> dict[str, T]:
    """Read a table of the config file; empty where there is none, or no file."""
    if not path.is_file():
        return {}
    found = read_toml(path, "config file").get(name, {})
    if not isinstance(found, dict) or not all(isinstance(value, kind) for value in found.values()):
        raise ConfigError(f"[{name}] in {path} is {found!r}, expected lines such as {example}.")
    return found
