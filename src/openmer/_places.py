"""Find folders of the user: where a path begins with ``~``, or where things are kept by default."""

from __future__ import annotations

import os
from pathlib import Path

from openmer.errors import ConfigError


def user_path(text: str | Path, variable: str) -> Path:
    """Return a path, a leading ``~`` replaced by the home folder.

    Args:
        text: As the user wrote it, or a default below ``~``.
        variable: The environment variable that names another place, for the error.

    Raises:
        ConfigError: It begins with ``~``, and the user has no home folder.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"This user has no home folder, so {text} is nowhere. Set HOME, or set {variable} to a "
            "path that does not begin with ~."
        ) from error


def default_cache_root() -> Path:
    """Return the folder in the environment variable OPENMER_CACHE, else ~/.cache/openmer."""
    chosen = os.environ.get("OPENMER_CACHE")
    return user_path(chosen or "~/.cache/openmer", "OPENMER_CACHE")


def data_folder() -> Path:
    """Return the folder of what is fetched for the user and kept, such as models.

    It is OPENMER_DATA where that is set, else ``openmer`` in XDG_DATA_HOME or ``~/.local/share``.

    Raises:
        ConfigError: The user has no home folder.
    """
    chosen = os.environ.get("OPENMER_DATA")
    if chosen:
        return user_path(chosen, "OPENMER_DATA")
    return (
        user_path(os.environ.get("XDG_DATA_HOME") or "~/.local/share", "OPENMER_DATA") / "openmer"
    )
