"""What a process opens, starts and connects to, appended to a file while an audit records.

It needs the standard library only, so that a fresh worker has it before anything else.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TypeGuard

VARIABLE = "OPENMER_AUDIT_LOG"  # a file: processes that are started record there, too
_STARTS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system")
_SENDS = ("socket.connect", "socket.sendto")
_LISTS = ("os.listdir", "os.scandir")
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
    if not _log:
        return
    if event == "open":
        _opened(*arguments)
    elif event in _LISTS:
        _listed(arguments[0])
    elif event == "sqlite3.connect" and Path(str(arguments[0])).is_file():
        _note("read", _path(arguments[0]))
    elif event in _STARTS:
        _note("start", " ".join(_words(event, arguments)))
    elif event in _SENDS:
        _sent(arguments[1])
    else:
        _went_past(event, arguments)


def _went_past(event: str, arguments: tuple[object, ...]) -> None:
    """Note what goes past the files and sockets of Python."""
    if event == "ctypes.dlopen" and Path(str(arguments[0])).is_file():
        _note("code", _path(arguments[0]))
    elif event == "ctypes.dlsym" and _PAST_PYTHON & {one for one in arguments if _is_text(one)}:
        _note("call", " ".join(one for one in arguments if _is_text(one)))
    elif event == "mmap.__new__":
        _mapped(arguments[0])


def _sent(address: object) -> None:
    if isinstance(address, tuple):
        _note("connect", ":".join(map(str, address[:2])))
    elif _is_path(address):
        _note("connect", os.fsdecode(address))  # type: ignore[arg-type]


def _opened(path: object, _: object, flags: object) -> None:
    if not _is_path(path) or not isinstance(flags, int):
        return
    name = _path(path)
    writes = flags & (os.O_WRONLY | os.O_RDWR)
    if writes:
        _note("write", name)
    if flags & os.O_WRONLY or flags & os.O_TRUNC or not Path(name).is_file():
        return
    code = name.endswith((".py", ".pyc", ".so", ".pyd", ".pth"))
    _note("code" if code else "read", name)


def _mapped(descriptor: object) -> None:
    """Note a file that is read as memory; Linux alone tells which one it is."""
    name = os.path.realpath(f"/proc/self/fd/{descriptor}")
    if Path(name).is_file():
        _note("read", name)


def _listed(folder: object) -> None:
    if _is_path(folder) and Path(_path(folder)).is_dir() and not _is_imported_from(_path(folder)):
        _note("list", _path(folder))


def _words(event: str, arguments: tuple[object, ...]) -> list[str]:
    """Return the program that is started, and its arguments."""
    if event == "os.system":
        return [os.fsdecode(arguments[0])]  # type: ignore[arg-type]
    program, words = arguments[0], arguments[1]
    if isinstance(words, str | bytes):
        return [os.fsdecode(words)]
    command = [os.fsdecode(word) for word in words or ()]  # type: ignore[attr-defined]
    return [os.fsdecode(program), *command[1:]] if program else command  # type: ignore[arg-type]


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def _is_path(value: object) -> bool:
    return isinstance(value, str | bytes | os.PathLike)


def _path(value: object) -> str:
    return os.path.realpath(os.fsdecode(value))  # type: ignore[arg-type]


def _is_imported_from(folder: str) -> bool:
    """Whether it is a folder that Python looks for modules in."""
    return any(os.path.realpath(one or ".") == folder for one in (*sys.path, *_importers()))


def _importers() -> list[str]:
    return [str(path) for path in list(sys.path_importer_cache)]


def _note(kind: str, what: str) -> None:
    line = json.dumps([kind, what]) + "\n"
    os.write(_log[0], line.encode("utf-8", "surrogateescape"))
