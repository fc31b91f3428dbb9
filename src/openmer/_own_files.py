"""Files at the places of results: ours are replaced, anybody else's stay."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from openmer.errors import DataError, reading_file

_HEAD_BYTES = 65_536
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
            _require_folder(path)
            if not path.exists():
                continue
            if not path.is_file():
                raise DataError(f"{path} is there already, and no file. {_REMEDY}")
            if not _has(path, mark):
                raise DataError(
                    f"{path} does not say that OpenMER wrote it, and would be replaced. {_REMEDY}"
                )


def _require_folder(path: Path) -> None:
    """Refuse a place that no file can be written to."""
    around = next(one for one in path.absolute().parents if os.path.lexists(one))
    if not (around.is_dir() and os.access(around, os.W_OK | os.X_OK)):
        why = "cannot be written to" if around.is_dir() else "is no folder"
        raise DataError(f"Cannot write {path}: {around} {why}. {_REMEDY}")


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
        if not path.exists() or path.read_bytes() == content:
            return
    raise DataError(f"{path} is there already, with other content. Nothing was written. {_REMEDY}")
