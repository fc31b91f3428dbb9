"""The few errors OpenMER raises on purpose: found what, expected what, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class OpenMERError(Exception):
    """Anything a user can act on; the command line prints it and exits with `exit_code`.

    Its subclasses in `openmer.errors` are `ConfigError`, `DataError`, `ProtocolError` and
    `StoppedError`.

    Example:
        try:
            openmer.load_clips("absent.csv")
        except openmer.OpenMERError as error:
            print(error)
    """

    exit_code = 1


class DataError(OpenMERError):
    """Input data is missing, broken, or does not say what is needed."""

    exit_code = 3


class ConfigError(OpenMERError):
    """A method, an option or a name is not one OpenMER knows."""

    exit_code = 2


class ProtocolError(OpenMERError):
    """The evaluation asked for cannot be honest: one subject only, a class missing."""

    exit_code = 4


class StoppedError(OpenMERError):
    """The user stopped the work (Ctrl-C); what was finished is kept."""

    exit_code = 130


def unknown_name(kind: str, name: str, known: Iterable[str]) -> ConfigError:
    """Return the error for a name that is not in a list, with the nearest one that is.

    Args:
        kind: What the name stands for, as the user would say it ("method").
        name: What was given.
        known: Every name that would have worked.
    """
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return ConfigError(f"There is no {kind} {name!r}. {hint}Known: {', '.join(choices)}.")
