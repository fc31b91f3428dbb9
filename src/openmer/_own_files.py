"""Files at the places of results: ours are replaced, anybody else's stay."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from openmer.errors import DataError, reading_file

_HEAD_BYTES = 65_536
_LONGEST_NAME = 255  # bytes, on all common disks
_REMEDY = "Move it away, or write to another place."


def require_own(marks: Mapping[Path, str]) -> None:
    """Refuse files that are there and that we did not write; call it before the work.

    Args:
        marks: Where results will be written, and a text in the first or last 64 KiB of what
            we write there.

    Raises:
        DataError: A file does not have its mark; nothing was written.
    """
    for path, mark in marks.items():
        with reading_file(path, "an earlier result", _REMEDY):
            require_room(path.parent)
            if not _is_there(path):
                continue
            if not path.is_file():
                raise DataError(f"{path} is there already, and no file. {_REMEDY}")
            if not _has(path, mark):
                raise DataError(
                    f"{path} does not say that OpenMER wrote it, and would be replaced. {_REMEDY}"
                )


def require_room(folder: Path) -> None:
    """Refuse a folder that cannot be written to, or not be made; call it before the work.

    Raises:
        DataError: A file is in its way, its disk is read-only, or a name is too long.
    """
    whole = folder.absolute()
    around = next(one for one in (whole, *whole.parents) if os.path.lexists(one))
    why = ""
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in whole.parts):
        why = f"a name in it has more than {_LONGEST_NAME} bytes"
    elif not around.is_dir():
        why = f"{around} is no folder"
    elif not os.access(around, os.W_OK | os.X_OK):
        why = f"{around} cannot be written to"
    if why:
        raise DataError(f"Cannot write {folder}: {why}. {_REMEDY}")


def _is_there(path: Path) -> bool:
    """Whether there is anything; from Python 3.14 on, `exists` hides every other error."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _has(path: Path, mark: str) -> bool:
    """Look for a mark near the beginning and the end of a file; a PDF has it at its end."""
    with path.open("rb") as file:
        if mark.encode() in file.read(_HEAD_BYTES):
            return True
        file.seek(max(0, path.stat().st_size - _HEAD_BYTES))
        return mark.encode() in file.read()


def require_same(path: Path, content: bytes) -> None:
    """Refuse to replace a file that holds something else, such as a coder's own work.

    Raises:
        DataError: It does.
    """
    with reading_file(path, "a file to compare with", _REMEDY):
        if not _is_there(path) or path.read_bytes() == content:
            return
    raise DataError(f"{path} is there already, with other content. Nothing was written. {_REMEDY}")
