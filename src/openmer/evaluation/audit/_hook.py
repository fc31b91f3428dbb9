"""What a process opens, starts and connects to, appended to a file while an audit records.

It needs the standard library only, so that a fresh worker has it before anything else.
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import TypeGuard

VARIABLE = "OPENMER_AUDIT_LOG"  # a file: processes that are started record there, too
_COMMAND = re.compile(r'"[^"]*"|\S+')
BETWEEN = "\0"  # the words of a command, none of which can hold it
ALIVE = "openmer.recorded"  # an event of the audit's own, which shows that the hook records
_CODE = (".py", ".pyc", ".so", ".pyd", ".pth")
# What the recorder asks the system before and after each training, which tells no file's content.
_ASKED = re.compile(r"/proc/self/(?:maps|fd|fdinfo/[0-9]+)")
_ZIPS = "<frozen zipimport>"
_IMPORTERS = frozenset({"linecache.py", "tokenize.py", "runpy.py", "pkgutil.py"})
# Functions of the system library that read or ask past Python, if they are looked up by ctypes.
_PAST_PYTHON = frozenset(
    {"open", "open64", "openat", "fopen", "fopen64", "read", "pread", "mmap", "mmap64", "syscall"}
    | {"connect", "system", "popen", "execve", "posix_spawn", "shm_open"}
)
_log: list[int] = []  # descriptor of the file that is recorded to; empty where nothing is
_installed: list[bool] = []


def start(log: str) -> None:
    """Record to the end of a file from now on; a hook of Python stays for good, so it is one."""
    _log[:] = [os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)]
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_hook)


def stop() -> None:
    """Record no more."""
    for descriptor in _log:
        os.close(descriptor)
    _log.clear()


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _log and event in _DOES:
        _DOES[event](*arguments)


def _opened(path: object, _: object, flags: object) -> None:
    if not _is_path(path) or _is_asked(path) or not isinstance(flags, int):
        return
    name = _path(path)
    if flags & (os.O_WRONLY | os.O_RDWR):
        made = flags & os.O_TRUNC or not Path(name).exists()
        goes_on = flags & os.O_RDWR and Path(name).is_file()
        _note("write" if made else "append" if goes_on else "touch", name)
    elif (name.endswith(_CODE) and _is_imported() and Path(name).is_file()) or _is_zipped(name):
        _note("code", name)
    else:
        _read(name)


def _opener() -> FrameType | None:
    """Return where a file is opened."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame


def _is_imported() -> bool:
    """Whether Python itself opens a file, to run it or to quote it."""
    frame = _opener()
    opener = frame.f_code.co_filename if frame else "<frozen "
    return opener.startswith("<frozen ") or Path(opener).name in _IMPORTERS


def _is_zipped(name: str) -> bool:
    """Whether Python itself opens an archive that it imports from, for its code and no data."""
    frame = _opener()
    if frame is None or frame.f_code.co_filename != _ZIPS or frame.f_back is None:
        return False
    asked = frame.f_back.f_code
    for_code = asked.co_filename == _ZIPS and asked.co_name != "get_data"
    listed = frame.f_code.co_name == "_read_directory"
    return (listed or for_code) and any(
        f"{os.path.realpath(one)}{os.sep}".startswith(name + os.sep) for one in sys.path
    )


def _read(path: object, *_: object) -> None:
    """Note a file that is read, and when it was changed last."""
    if _is_path(path) and Path(_path(path)).is_file():
        _note("read", _path(path), _changed(_path(path)))


def _changed(name: str) -> int:
    try:
        return Path(name).stat().st_mtime_ns
    except OSError:
        return 0


def _mapped(descriptor: object, *_: object) -> None:
    """Note a file that is read as memory; Linux alone tells which one it is."""
    _read(f"/proc/self/fd/{descriptor}")


def _made(folder: object, *_: object) -> None:
    if _is_path(folder) and not Path(_path(folder)).exists():
        _note("write", _path(folder))


def _moved(source: object, place: object, *_: object) -> None:
    _note("move", f"{_path(source)}\n{_path(place)}", _changed(_path(source)))


def _touched(path: object, *_: object) -> None:
    if _is_path(path):
        _note("touch", _path(path))


def _listed(folder: object, *_: object) -> None:
    if not _is_path(folder) or _is_asked(folder):
        return
    if Path(_path(folder)).is_dir() and not _is_imported_from(_path(folder)):
        _note("list", _path(folder))


def _loaded(name: object, *_: object) -> None:
    if Path(str(name)).is_file():
        _note("code", _path(name))


def _looked_up(*names: object) -> None:
    if _PAST_PYTHON & {one for one in names if _is_text(one)}:
        _note("call", " ".join(one for one in names if _is_text(one)))


def _sent(_: object, address: object, *__: object) -> None:
    if isinstance(address, tuple):
        _note("connect", ":".join(map(str, address[:2])))
    elif _is_path(address):
        _note("connect", os.fsdecode(address))  # type: ignore[arg-type]


def _asked_the_system(command: object, *_: object) -> None:
    _started("sh", ["sh", "-c", command])


def _started(program: object, words: object, *_: object) -> None:
    """Note the program that is started, and its arguments; Windows tells them as one text."""
    if isinstance(words, str | bytes):
        command = [word.strip('"') for word in _COMMAND.findall(os.fsdecode(words))]
    else:
        command = [os.fsdecode(word) for word in words or ()]  # type: ignore[attr-defined]
    if program:
        command = [os.fsdecode(program), *command[1:]]  # type: ignore[arg-type]
    _note("start", BETWEEN.join(command))


def _is_alive(*_: object) -> None:
    _note("alive", "")


_DOES: Mapping[str, Callable[..., None]] = MappingProxyType(
    {
        ALIVE: _is_alive,
        "open": _opened,
        "sqlite3.connect": _read,
        "mmap.__new__": _mapped,
        "os.mkdir": _made,
        "os.utime": _touched,
        "os.system": _asked_the_system,
        "ctypes.dlopen": _loaded,
        "ctypes.dlsym": _looked_up,
        **dict.fromkeys(("os.getxattr", "os.listxattr"), _read),
        **dict.fromkeys(("os.rename", "os.link", "os.symlink"), _moved),
        **dict.fromkeys(("os.listdir", "os.scandir"), _listed),
        **dict.fromkeys(("socket.connect", "socket.sendto"), _sent),
        **dict.fromkeys(("subprocess.Popen", "os.exec", "os.posix_spawn"), _started),
    }
)


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def _is_path(value: object) -> bool:
    return isinstance(value, str | bytes | os.PathLike)


def _path(value: object) -> str:
    return os.path.realpath(os.fsdecode(value))  # type: ignore[arg-type]


def _is_asked(path: object) -> bool:
    return bool(_ASKED.fullmatch(os.fsdecode(path)))  # type: ignore[arg-type]


def _is_imported_from(folder: str) -> bool:
    """Whether it is a folder that Python looks for modules in."""
    return any(_place(one) == folder for one in (*sys.path, *_importers()))


def _place(folder: str) -> str:
    return _resolved(folder) if Path(folder).is_absolute() else os.path.realpath(folder or ".")


@cache
def _resolved(folder: str) -> str:
    """Resolve a folder once: there are hundreds, and every folder that is listed asks for all."""
    return os.path.realpath(folder)


def _importers() -> list[str]:
    return [str(path) for path in list(sys.path_importer_cache)]


def _note(kind: str, what: str, changed: int = 0) -> None:
    line = json.dumps([kind, what, changed]) + "\n"
    content = line.encode("utf-8", "surrogateescape")
    written = 0
    try:
        written = os.write(_log[0], content)
    finally:
        if written < len(content):
            stop()  # or every file that is opened from now on raises the same
    if written < len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
