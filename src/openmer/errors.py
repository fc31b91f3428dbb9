"""The few errors OpenMER raises on purpose: found what, expected what, what to do."""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from openmer._stand_ins import shown

_REASON = 160  # characters of what a library says
_SHELL_PIPES = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
_NO_MEMORY = re.compile(  # in the words of PyTorch, OpenCV, C++, threads and loaders
    r"(?i)(can't|cannot|unable to|failed to) allocate|not enough memory|out ?of ?memory|"
    r"insufficient memory|bad_alloc|can't start new thread|failed to map segment|"
    r"error return without exception|without setting an exception"  # an import that got none
)


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

    def __init__(self, *said: object) -> None:
        super().__init__(*(shown(one) if isinstance(one, str) else one for one in said))


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
    folded = {choice.casefold(): choice for choice in reversed(choices)}
    near = difflib.get_close_matches(name[:_REASON].casefold(), folded, n=1, cutoff=0.5)
    hint = f"Did you mean {folded[near[0]]!r}? " if near else ""
    return ConfigError(f"There is no {kind} {name[:_REASON]!r}. {hint}Known: {', '.join(choices)}.")


def lacks_memory(error: BaseException | None) -> bool:
    """Return whether an error, or what it arose from, is a want of memory, whoever raised it."""
    while error is not None:
        known = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
        if known or (not isinstance(error, OpenMERError) and _NO_MEMORY.search(str(error))):
            return True
        error = error.__cause__ or error.__context__
    return False


def _may_not_end(path: Path) -> bool:
    """Tell a device, or a pipe on disk that nobody may ever write to; a shell's pipe is neither."""
    if not path.exists() or path.is_file() or path.is_dir():
        return False
    return not (path.is_fifo() and str(path).startswith(_SHELL_PIPES))


@contextmanager
def reading_file(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Turn whatever the library of a file format raises on a broken file into one error.

    Args:
        path: The file.
        what: What it should be, with its article ("a file of weights").
        remedy: What to do, a sentence.

    Raises:
        DataError: Anything went wrong in the block; one of OpenMER stays as it is, and so does
            running out of memory.
    """
    try:
        if _may_not_end(path):
            raise DataError(f"{path} is a device or pipe, expected {what}. Give an ordinary file.")
        yield
    except (OpenMERError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise DataError(f"There is no {path}, expected {what}. Correct the path.") from error
    except Exception as error:  # readers stumble over anything in a broken file
        if lacks_memory(error):
            raise MemoryError from error
        said = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        said = re.sub(r" at 0x[0-9a-f]+", "", said)  # the same words in every process
        reason = " ".join(said.split())[:_REASON]
        raise DataError(f"{path} cannot be read as {what} ({reason}). {remedy}") from error
