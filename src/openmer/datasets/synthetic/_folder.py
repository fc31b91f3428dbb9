"""The folder of long synthetic videos: when it is complete, and when it may be replaced."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from openmer.errors import DataError

STAMP = ".plan"

_STAMPED = re.compile(r"\d+ \d+ LongPlan\(")


def is_complete(root: Path, stamp: str, names: Iterable[str]) -> bool:
    """Whether the folder was made with this stamp, and none of its files has been lost since."""
    return _stamp_of(root) == stamp and all((root / name).is_file() for name in names)


def check_replaceable(root: Path) -> None:
    """Refuse a place that holds anything but long synthetic videos.

    Raises:
        DataError: It is a file, or a folder with files that were not written here.
    """
    if root.exists() and not root.is_dir():
        raise DataError(f"{root} is a file; choose another folder for the videos.")
    if root.is_dir() and any(root.iterdir()) and not _STAMPED.match(_stamp_of(root)):
        raise DataError(
            f"{root} holds files but no long synthetic videos. Choose another folder, or empty it."
        )


def _stamp_of(root: Path) -> str:
    """Return the stamp of a folder; "" where there is none that can be read."""
    try:
        return (root / STAMP).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
