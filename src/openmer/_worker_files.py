"""What worker processes share on this computer: where it lies, and what a kill left of it.

joblib hands arrays to workers as files, and its locks have names in ``/dev/shm``. A process that is
killed with its workers leaves both. Therefore the files lie in a folder whose name says which
process made it and when that process began; a later start of OpenMER removes what a dead one left.
"""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType

from openmer._temporary_names import start_s_of, writer_of
from openmer.files import sweep_stale, temporary_folder

_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 2 * 10**9  # in memory; with less, on the disk
_OURS = "openmer-"
_NAME = f"{_OURS}workers"
_LOCK = re.compile(r"sem\.loky-(?P<pid>[0-9]+)-.+")


def shared_folder() -> Path:
    """Return the folder for what this process shares with its workers; gone when it ends.

    From then on SIGTERM ends the process as Ctrl-C does, so that workers end and nothing stays.

    Raises:
        DataError: It cannot be made.
    """
    return _shared_folder_of(os.getpid())


def sweep_at_start() -> None:
    """Remove what dead processes of this user left in memory and among temporary files."""
    for place in {_MEMORY, Path(tempfile.gettempdir())}:
        with _locks_swept(place):
            sweep_stale(place)


@functools.cache
def _shared_folder_of(pid: int) -> Path:
    """Make the folder of the process `pid`, which a fork changes."""
    sweep_at_start()
    opened = ExitStack()
    place = _place()
    with _locks_swept(place):
        folder = opened.enter_context(temporary_folder(_NAME, inside=place))
    atexit.register(_close, opened, pid)
    _end_cleanly_on_termination()
    return folder


def _close(opened: ExitStack, pid: int) -> None:
    if os.getpid() == pid:
        opened.close()


def _place() -> Path:
    """Return the memory that processes share, where there is enough of it; else a folder."""
    with suppress(OSError):
        if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES:
            return _MEMORY
    return Path(tempfile.gettempdir())


@contextmanager
def _locks_swept(place: Path) -> Iterator[None]:
    """Remove the locks of the processes whose folders in a place go in this block.

    A process may end at any moment: its folder, which tells that the locks are ours, must not go
    without them.
    """
    before = _writers(place)
    yield
    for pid in before - _writers(place):
        _remove_locks(pid)


def _writers(place: Path) -> set[int]:
    """Return the processes of this host that have a folder of ours in a place."""
    found: set[int | None] = set()
    with suppress(OSError):
        found = {writer_of(path.name) for path in place.iterdir() if path.name.startswith(_OURS)}
    return {pid for pid in found if pid is not None}


def _remove_locks(pid: int) -> None:
    """Remove the locks that a dead process made, not those of a later one of the same number."""
    later_s = start_s_of(pid)
    for entry in list(os.scandir(_MEMORY)) if _MEMORY.is_dir() else ():
        found = _LOCK.fullmatch(entry.name)
        if found is None or int(found["pid"]) != pid:
            continue
        with suppress(OSError):
            state = entry.stat(follow_symlinks=False)
            if state.st_uid == os.getuid() and (later_s is None or state.st_ctime < later_s):
                Path(entry.path).unlink()


def _end_cleanly_on_termination() -> None:
    """Let SIGTERM raise `KeyboardInterrupt`, unless the program has its own way with it."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, stop)
