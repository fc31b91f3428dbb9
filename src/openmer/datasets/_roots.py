"""Where the corpora lie on this machine: an option, an environment variable, or a config file."""

from __future__ import annotations

import os
from pathlib import Path

from openmer._places import user_path
from openmer.config import read_toml
from openmer.errors import ConfigError

_DEFAULT_CONFIG = Path("~/.config/openmer/datasets.toml")


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
    return path.parent / user_path(known[name], variable(name)) if name in known else None


def how_to_give(name: str, what: str = "its folder") -> str:
    """Write the three ways to say where a corpus lies, as a sentence of an error."""
    return (
        f"Give {what} as an option (--root {name}=PATH), set {variable(name)}, or write "
        f'[roots] and {name} = "/path/to/it" into {config_file()}.'
    )


def _configured(path: Path) -> dict[str, str]:
    """Read the roots from the config file; empty where there is no file."""
    if not path.exists():
        return {}
    roots = read_toml(path, "config file").get("roots", {})
    if not isinstance(roots, dict) or not all(isinstance(value, str) for value in roots.values()):
        raise ConfigError(
            f'[roots] in {path} is {roots!r}, expected lines such as casme2 = "/data/CASME2".'
        )
    return roots
