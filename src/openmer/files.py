"""The one place that writes what people rely on: complete or not there, and nothing lost.

What is written has a hidden temporary name beside its own until it is complete. It holds host,
process, its start time and a random part: no two writers share one, and what the dead left is told.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from openmer._durable import sync, sync_folder, sync_tree
from openmer._file_names import cut_name, readable, safe_name, short_name
from openmer._folder_stamp import is_of_the_system, names, print_of, read_stamp, write_stamp
from openmer._own_files import require_own, require_room, require_same
from openmer._stand_ins import send, stand_in_of
from openmer._temporary_names import TEMPORARY, is_stale, unique_mark
from openmer.errors import DataError

_STEM_BYTES = 120  # of a final name that its temporary name repeats
__all__ = [
    "check_replaceable",
    "is_of_the_system",
    "readable",
    "replace_file",
    "replace_files",
    "replace_folder",
    "require_own",
    "require_room",
    "require_same",
    "safe_name",
    "short_name",
    "sweep_stale",
    "temporary_folder",
    "writing_file",
]

_LOOKS = 20  # at a folder that others replace meanwhile
_EXCHANGE, _HERE = 2, -100  # RENAME_EXCHANGE and AT_FDCWD of renameat2(2)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FILE_IN_THE_WAY = frozenset({errno.ENOTDIR, errno.EEXIST})


def replace_file(path: Path, content: bytes | str, *, durable: bool = True) -> None:
    """Write a file so that a reader finds the old one or the new one, never a part.

    Args:
        path: The file; missing folders are made. Where it is a link, its target is replaced.
        content: All of it; a text is written as UTF-8, and what of a file's name is no text as
            escapes.
        durable: Whether it is on the disk, and not in memory only, when this returns.

    Raises:
        DataError: It cannot be written, or a folder or device has this name.
    """
    with writing_file(path, durable=durable) as temporary:
        temporary.write_bytes(_encoded(content))


def replace_files(contents: Mapping[Path, bytes | str]) -> None:
    """Write several files; after an error none of them is changed.

    Raises:
        DataError: As `replace_file`, for any of them.
    """
    staged: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            target = _target(path)
            with _explained(target):
                _make_room(target)
                staged[target] = _temporary(target)
                staged[target].write_bytes(_encoded(content))
                sync(staged[target])
        _rename_all(staged)
    finally:
        for temporary in staged.values():
            _forget(temporary)
    for target in staged:
        send(target)


@contextmanager
def writing_file(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Give a temporary path; what is written there becomes `path` at the end of the block.

    After an error in the block nothing is left, and a file that was there before stays.

    Args:
        path: As in `replace_file`.
        durable: As in `replace_file`.

    Raises:
        DataError: As `replace_file`.
    """
    target = _target(path)
    with _explained(target):
        _make_room(target)
        temporary = _temporary(target)
        try:
            yield temporary
            _give_name(temporary, target, durable=durable)
        finally:
            _forget(temporary)
    send(target)


def move_file(made: Path, path: Path) -> None:
    """Give a complete file on the same disk its name, and replace what has it.

    Args:
        made: The file; it is gone afterwards.
        path: As in `replace_file`.

    Raises:
        DataError: As `replace_file`.
    """
    target = _target(path)
    with _explained(target):
        _make_room(target)
        _give_name(made, target, durable=True)
    send(target)


@contextmanager
def replace_folder(path: Path, *, is_final: bool = False) -> Iterator[Path]:
    """Give a hidden folder; what is written into it becomes `path` at the end of the block.

    After an error in the block nothing is left, and a folder that was there before stays.

    Args:
        path: The folder. One that is there is replaced only as `check_replaceable` allows.
        is_final: Leave out the list of files that would allow to replace it later.

    Raises:
        DataError: As `check_replaceable`; or it cannot be written.
    """
    target = _target(path)
    check_replaceable(target)
    with _explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep_stale(target.parent)
        hidden = _temporary(target)
        try:
            hidden.mkdir()
            yield hidden
            if not is_final:
                write_stamp(hidden)
            sync_tree(hidden)
            _put_in_place(hidden, target)
            sync_folder(target.parent)
        finally:
            _forget_folder(hidden)
    send(target)


def check_replaceable(path: Path) -> None:
    """Refuse a folder that cannot be written, or holds anything that `replace_folder` did not.

    Call it before the work whose results go there.

    Raises:
        DataError: It is a file; a file in it is not ours, or was changed since; or the folder
            around it cannot be written to.
    """
    target = _target(path)
    with _explained(target):
        with suppress(FileNotFoundError, NotADirectoryError):
            target.lstat()  # of a name that no disk takes it is an error
        if os.path.lexists(target):
            if not target.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "it is a file")
            _refuse_foreign(target)
        around = next(p for p in target.parents if os.path.lexists(p))
        if not around.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{around} is a file")
        if not os.access(around, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"{around} cannot be written to")


@contextmanager
def temporary_folder(name: str, inside: Path | None = None) -> Iterator[Path]:
    """Give a folder for this block that only this user may enter; one left by a kill is swept.

    Args:
        name: What it is for, as a part of its name.
        inside: Where it lies; None: where the system has such folders.

    Raises:
        DataError: It cannot be made.
    """
    around = Path(tempfile.gettempdir() if inside is None else inside)
    sweep_stale(around)
    folder = _temporary(around / name)
    folder = folder.with_name(folder.name.removeprefix("."))  # servers refuse hidden folders
    try:
        with _explained(folder):
            folder.mkdir(mode=0o700)
        yield folder
    finally:
        _forget_folder(folder)


def sweep_stale(folder: Path) -> None:
    """Remove what dead processes of this user and host left unfinished in a folder.

    What processes of other hosts left is removed when it is 30 days old. Everything else stays.
    """
    try:
        found = list(os.scandir(folder))
    except OSError:
        return
    for entry in found:
        name = TEMPORARY.fullmatch(entry.name)
        if name is None or not is_stale(entry, name):
            continue
        if entry.is_dir(follow_symlinks=False):
            _forget_folder(Path(entry.path))
        else:
            _forget(Path(entry.path))


def _encoded(content: bytes | str) -> bytes:
    return content if isinstance(content, bytes) else readable(content).encode()


def _target(path: Path) -> Path:
    """Follow a link, so that it stays and what it points to is written."""
    whole = Path(path).absolute()
    meant = stand_in_of(whole)
    if meant is not None and meant.kind != "output":
        raise DataError(f"{meant.url} is only read here. Give a folder of this computer, or --out.")
    with _explained(whole):
        return Path(os.path.realpath(whole)) if whole.is_symlink() else whole


def _temporary(target: Path) -> Path:
    """Return a name beside `target` that nobody else uses."""
    return target.with_name(f".{cut_name(target.name, _STEM_BYTES)}{unique_mark()}")


def _make_room(target: Path) -> None:
    """Make the folder of a file, and sweep what ended processes left there."""
    if target.exists() and not target.is_file():
        kind = "a folder" if target.is_dir() else "a device or pipe"
        raise FileExistsError(errno.EEXIST, f"there is {kind} of this name")
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep_stale(target.parent)


def _give_name(made: Path, target: Path, *, durable: bool) -> None:
    """Give a complete file its name; where it is durable, both are on the disk in this order."""
    if durable:
        sync(made)
    made.replace(target)
    if durable:
        sync_folder(target.parent)


def _rename_all(staged: Mapping[Path, Path]) -> None:
    """Give all files their names; put back what was there when one cannot be renamed."""
    before: dict[Path, Path | None] = {}
    try:
        for target, temporary in staged.items():
            with _explained(target):
                before[target] = _kept(target)
                temporary.replace(target)
                sync_folder(target.parent)
    except BaseException:
        for target, old in before.items():
            if old is None:
                _forget(target)
            else:
                old.replace(target)
        raise
    finally:
        for old in before.values():
            if old is not None:
                _forget(old)


def _kept(target: Path) -> Path | None:
    """Make a second name of a file that is about to be replaced; None where there is none."""
    if not target.exists():
        return None
    second = _temporary(target)
    try:
        second.hardlink_to(target)
    except OSError:  # a disk without hard links
        shutil.copy2(target, second)
    return second


def _put_in_place(hidden: Path, target: Path) -> None:
    """Give a complete folder its name; an old one of ours is exchanged for it."""
    try:
        hidden.rename(target)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
    else:
        return
    _refuse_foreign(target)
    if _exchange(hidden, target):
        return
    old = hidden.with_suffix(".old")  # never swept: a kill between the two lines loses nothing
    target.rename(old)
    hidden.rename(target)
    _forget_folder(old)


def _exchange(one: Path, other: Path) -> bool:
    """Swap the names of two folders in one step, where the system can (Linux)."""
    try:
        swap = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    old, new = os.fsencode(one), os.fsencode(other)
    return bool(swap(_HERE, old, _HERE, new, _EXCHANGE) == 0)


def _refuse_foreign(folder: Path) -> None:
    """Refuse a folder in which anything is not as we left it."""
    for _ in range(_LOOKS):
        before = _state(folder)
        with suppress(FileNotFoundError):
            found = next(_foreign(folder), None)
            if found is None:
                return
            if _state(folder) == before:  # else another process has replaced it
                raise DataError(
                    f"{folder} holds {found}. Nothing was removed. Move it away, or choose another "
                    "folder."
                )
    raise DataError(f"Others keep replacing {folder}. Wait for them, or choose another folder.")


def _foreign(folder: Path) -> Iterator[str]:
    """Yield whatever in a folder is not as we left it, and why."""
    known = read_stamp(folder)
    for name in names(folder):
        if name not in known:
            yield f"{name}, which is not in the list of what OpenMER wrote there"
        elif known[name] != print_of(folder / name):
            yield f"{name}, which was changed since OpenMER wrote it"


def _state(folder: Path) -> tuple[int, int]:
    """Return two numbers that change when a folder is replaced or its contents change."""
    found = folder.stat()
    return found.st_ino, found.st_ctime_ns


def _forget(path: Path) -> None:
    """Remove a file that may be there; a folder that cannot be entered holds nothing of ours."""
    with suppress(OSError):
        path.unlink()


def _forget_folder(path: Path) -> None:
    """Remove a folder of ours that may be there; what cannot be removed stays."""
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    """Turn an error of the disk into one that names the path and what to do."""
    try:
        yield
    except OSError as error:
        if not _concerns(error.filename, target):
            raise  # something else that the block read
        reason = error.strerror or error
        raise DataError(f"Cannot write {target}: {reason}. {_remedy(error)}") from error


def _concerns(place: object, target: Path) -> bool:
    """Tell whether an error at a place is one of writing to `target`."""
    if not isinstance(place, str):
        return True
    path = Path(place).absolute()
    is_ours = any(map(TEMPORARY.fullmatch, path.parts))
    return is_ours or path.is_relative_to(target) or target.is_relative_to(path)


def _remedy(error: OSError) -> str:
    """Write what to do about an error of the disk."""
    if error.errno in _FULL:
        return "Make room on that disk, then repeat the command."
    if error.errno in _FILE_IN_THE_WAY:
        return "Choose another path, or move away what is there."
    if error.errno == errno.ENAMETOOLONG:
        return "Choose a shorter name."
    return "Make room, or choose a folder that you may write to."
