"""Find the files and folders that a table names, also where another system wrote the names."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from openmer import remote

_MOST_ENTRIES = 20_000
INVISIBLE = re.compile(  # the code points that Unicode lets a reader ignore, and an empty Braille
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)


def find_path(root: Path, text: str) -> Path:
    """Return the path that a table means, whether or not it exists.

    Taken as it is written where that exists. Else with slashes for backslashes, and each name
    by case and Unicode form of what is there, as long as exactly one entry fits.

    Args:
        root: The folder that relative paths start from.
        text: As the table has it; a URL, too, whose file or folder is copied (`openmer.remote`).
    """
    written = remote.here(text) if remote.is_url(text) else root / text
    remote.bring(written, is_needed=False)
    if _exists(written):
        return written
    slashed = root / text.replace("\\", "/")
    if _exists(slashed):
        return slashed
    found = Path(slashed.anchor) if slashed.is_absolute() else Path()
    for name in slashed.relative_to(slashed.anchor).parts if slashed.anchor else slashed.parts:
        inner = found / name
        if not _exists(inner):
            alike = [entry for entry in _entries(found) if spelling_of(entry) == spelling_of(name)]
            inner = found / alike[0] if len(alike) == 1 else inner
        found = inner
    return found if _exists(found) else written


def find_name(folders: Mapping[str, Path], name: str) -> Path:
    """Return the folder of a name: by its case and Unicode form where that is not exact.

    Args:
        folders: By their names.
        name: As a sheet has it.

    Returns:
        The folder; the bare name where none or several fit.
    """
    if name in folders:
        return folders[name]
    alike = [path for other, path in folders.items() if spelling_of(other) == spelling_of(name)]
    return alike[0] if len(alike) == 1 else Path(name)


def folders_named(root: Path, names: Iterable[str]) -> dict[str, Path]:
    """Find folders at any depth by their names; of equal names the last in the order of paths.

    Args:
        root: The folder that is searched.
        names: As a sheet has them; case and Unicode form do not matter.
    """
    wanted = {spelling_of(name) for name in names}
    found = (path for path in root.rglob("*") if spelling_of(path.name) in wanted)
    return {path.name: path for path in sorted(path for path in found if path.is_dir())}


def near_misses(path: Path) -> str:
    """Name what is at a path after all, or lies beside it and is spelt most alike; or "".

    Raises:
        OSError: No system takes such a path, e.g. one with a name of 300 letters.
        ValueError: The same, of a path with a NUL character.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        path.lstat()  # from Python 3.14 on, `exists` and its like are False of such a path
    if kind := kind_of(path):
        return f" (it is {kind})"
    while not _exists(path.parent) and path.parent != path:
        path = path.parent
    near = difflib.get_close_matches(path.name, _entries(path.parent), n=1, cutoff=0.7)
    return f" ({path.parent / near[0]} does)" if near else ""


def kind_of(path: Path) -> str:
    """Say what is at a path: "a file", "a folder", "a pipe or device", "" for nothing."""
    try:
        if path.is_file():
            return "a file"
        if path.is_dir():
            return "a folder"
        if path.exists():
            return "a pipe or device"
        return "a link to nothing" if path.is_symlink() else ""
    except (OSError, ValueError):
        return ""


def visible(text: str) -> str:
    """Return a text with its invisible characters written as Python does; "" for no other ones."""
    if not any(c.isprintable() and not c.isspace() and not INVISIBLE.match(c) for c in text):
        return ""
    return "".join(
        c if c.isprintable() and not INVISIBLE.match(c) else ascii(c)[1:-1] for c in text
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, or with a NUL character
        return False


def _entries(folder: Path) -> list[str]:
    try:
        found = [
            entry.name for _, entry in zip(range(_MOST_ENTRIES), folder.iterdir(), strict=False)
        ]
    except OSError:
        return []
    return found


def spelling_of(name: str) -> str:
    """Return a name without its case and Unicode form."""
    return unicodedata.normalize("NFC", name).casefold()
