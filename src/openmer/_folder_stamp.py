"""The list of what was written into a folder, kept in it: it tells our files from others."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

STAMP = ".openmer-files.json"  # what a replaced folder holds: names, sizes and digests
_OF_THE_SYSTEM = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})  # nobody's work
_APPLE_DOUBLE = "._"  # what macOS keeps of a file on a disk of another system


def names(folder: Path) -> list[str]:
    """List everything in a folder and its subfolders, without the stamp itself."""

    def refuse(error: OSError) -> None:
        raise error

    found = [
        Path(place, name).relative_to(folder).as_posix()
        for place, folders, files in os.walk(folder, onerror=refuse)
        for name in (*folders, *files)
        if not (is_of_the_system(name) and stat.S_ISREG(Path(place, name).lstat().st_mode))
    ]
    return sorted(set(found) - {STAMP})


def is_of_the_system(name: str) -> bool:
    """Return whether a file's name is one that a file manager makes: nothing of it is read."""
    return name in _OF_THE_SYSTEM or name.startswith(_APPLE_DOUBLE)


def print_of(path: Path) -> list[object] | str:
    """Return the size and digest of a file, which show a change; the kind of anything else."""
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode):
        return "folder"
    if not stat.S_ISREG(mode):
        return f"neither a file nor a folder: {stat.S_IFMT(mode)}"
    with path.open("rb") as file:
        return [path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()]


def write_stamp(folder: Path) -> None:
    """List what is in a folder in a file inside of it."""
    prints = {name: print_of(folder / name) for name in names(folder)}
    text = json.dumps({"format": 1, "holds": prints}, indent=0)
    (folder / STAMP).write_text(text + "\n", encoding="utf-8")


def read_stamp(folder: Path) -> Mapping[str, object]:
    """Read the stamp of a folder; empty where there is none, or a broken one."""
    try:
        known = json.loads((folder / STAMP).read_bytes())["holds"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}
    return known if isinstance(known, dict) else {}
