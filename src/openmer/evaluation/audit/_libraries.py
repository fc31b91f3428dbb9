"""Where installed libraries lie, whose functions and files are no part of a method's own."""

from __future__ import annotations

import site
import sys
import sysconfig
from functools import cache
from pathlib import Path

_SCHEMES = ("stdlib", "platstdlib", "purelib", "platlib")
_NAMES = frozenset({"site-packages", "dist-packages"})


def library_folders() -> list[Path]:
    """Return the folders that hold libraries only, as they are called and as they resolve."""
    schemes = sysconfig.get_paths()
    folders = {*map(schemes.__getitem__, _SCHEMES), *site.getsitepackages()}
    folders |= {site.getusersitepackages()}
    folders |= {place for place in sys.path if Path(place).name in _NAMES}
    return sorted({one for folder in folders for one in (Path(folder), Path(folder).resolve())})


def is_installed(path: Path) -> bool:
    """Whether an installer wrote this to any folder that Python imports from, or linked it there.

    So lies what `pip install --target` installs; its record beside it names every file. uv and
    others install links to files that lie elsewhere.
    """
    folders = sorted({Path(place).resolve() for place in sys.path})
    for folder in folders:
        inside = path.is_relative_to(folder)
        if inside and path.relative_to(folder).as_posix() in _recorded(folder):
            return True
        links = _named(folder).get(path.name, ())
        if any((folder / file).resolve() == path for file in links):
            return True
    return False


@cache
def _named(folder: Path) -> dict[str, list[str]]:
    """Return what installers recorded in a folder by its last name."""
    found: dict[str, list[str]] = {}
    for file in _recorded(folder):
        found.setdefault(file.rpartition("/")[2], []).append(file)
    return found


@cache
def _recorded(folder: Path) -> frozenset[str]:
    """Return the files that installers recorded in a folder, and the folders that they lie in."""
    texts = (path.read_text("utf-8", "replace") for path in folder.glob("*.dist-info/RECORD"))
    files = {line.rsplit(",", 2)[0].strip('"') for text in texts for line in text.splitlines()}
    return frozenset(files | {file.rpartition("/")[0] for file in files} - {""})
