"""Writing a file so that a reader finds the old one or the new one, never a half."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` under a temporary name in the same folder, then rename it to `path`.

    The folder is made where it is missing. A kill at any moment leaves the old file, or none, and
    at most a hidden ``.tmp`` file beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
