"""Whose a temporary file is: its name says host, process and start of the process."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

TEMPORARY = re.compile(
    r".+\.(?P<host>[0-9a-f]{8})-(?P<pid>[0-9]+)-(?P<start>[0-9a-f]{8})-[0-9a-f]{12}\.tmp", re.DOTALL
)
_OLD_S = 30 * 24 * 3600  # what another host left is swept when it is older
_ENDED = frozenset({b"Z", b"X"})  # states of a process whose parent has not asked yet
_UNKNOWN = "0" * 8  # when a process began, where the system does not say


def unique_mark() -> str:
    """Return the end of a temporary name that no other writer on any host uses."""
    return f".{_owner(os.getpid())}-{secrets.token_hex(6)}.tmp"


def is_stale(entry: os.DirEntry[str], name: re.Match[str]) -> bool:
    """Tell whether the writer of a temporary name is gone."""
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        return False  # processes of other users may be invisible
    if name["host"] != _host():
        return time.time() - found.st_mtime > _OLD_S
    return _start_of(int(name["pid"])) not in {name["start"], _UNKNOWN}


def writer_of(name: str) -> int | None:
    """Return the process that made a temporary name; None where it is of another host, or none."""
    found = TEMPORARY.fullmatch(name)
    return int(found["pid"]) if found is not None and found["host"] == _host() else None


def start_s_of(pid: int) -> float | None:
    """Return when a process began, in seconds since 1970; None where none of that number lives."""
    try:
        fields = _fields(pid)
        stat = Path("/proc/stat").read_bytes()
    except OSError:
        return None
    if fields[0] in _ENDED:
        return None
    booted_s = next(int(line.split()[1]) for line in stat.splitlines() if line.startswith(b"btime"))
    return booted_s + int(fields[19]) / os.sysconf("SC_CLK_TCK")


@functools.cache
def _owner(pid: int) -> str:
    """Return the mark of this process; `pid` is its number, which a fork changes."""
    return f"{_host()}-{pid}-{_start_of(pid) or _UNKNOWN}"


@functools.cache
def _host() -> str:
    """Return a digest of this machine and of the space its process numbers belong to."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/etc/machine-id").read_text(encoding="utf-8"))
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _start_of(pid: int) -> str | None:
    """Return a digest of when a process began; None where none of that number lives.

    Without ``/proc`` nothing is known of a process, and what it left is kept.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        return _UNKNOWN
    try:
        fields = _fields(pid)
    except OSError:
        return None
    return None if fields[0] in _ENDED else hashlib.sha256(boot + fields[19]).hexdigest()[:8]


def _fields(pid: int) -> list[bytes]:
    """Read what Linux tells of a process, from its state on."""
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
