"""Files elsewhere, by URL: s3://, gs://, ssh://, sftp://, http(s)://, memory://, through fsspec.

Inputs have a path of this computer that stands for them. Videos to analyse are read from afar, bit
by bit; everything else is copied once into the cache, and again where size, time or ETag differ.
Outputs are written into a temporary folder here, and each file or folder of results is sent as
soon as it is complete. What is there at the start is fetched first, so that finished work counts.
Passwords and keys come from where each service's own tools have them.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import re
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

from openmer._places import default_cache_root
from openmer._remote_files import (
    COMPLETE_LAST,
    SENDING,
    asking,
    complete_in,
    copy_files,
    explained,
    print_of,
    put_file,
    put_text,
    sent_before,
)
from openmer._stand_ins import Kind, StandIn, add_stand_in, stand_in_of, without_secrets
from openmer._temporary_names import TEMPORARY
from openmer.errors import ConfigError, DataError
from openmer.files import temporary_folder

SCHEMES = ("s3", "gs", "ssh", "sftp", "memory", "http", "https")

_URL = re.compile(rf"({'|'.join(SCHEMES)})://([^/?]*)/*([^?]*)(\?.*)?", re.DOTALL)
_BLOCK_BYTES, _BLOCKS = 1 << 22, 8  # of a video, fetched at once, and kept


def is_url(text: object) -> bool:
    """Tell whether a text is a URL of a kind that is read here."""
    return isinstance(text, str) and _URL.fullmatch(text) is not None


def here(place: str | Path, *, stream: bool = False) -> Path:
    """Return the path that stands for a URL; an ordinary path as it is.

    Args:
        place: A path, or the URL of a file or folder.
        stream: It is a video, or a folder of them, and is read from afar. Anything else is copied.

    Raises:
        ConfigError: The URL is wrong, or a package for it is not installed.
        DataError: It is not there or cannot be reached, or may not be read.
    """
    found = _URL.fullmatch(place) if isinstance(place, str) else None
    if found is None:
        return Path(place)
    scheme, host, inner, signature = found.groups(default="")
    if ":" in host.rpartition("@")[0] or ".." in inner.split("/"):
        raise ConfigError(
            f"Found a password or '..' in {without_secrets(found[0])!r}, expected neither. Let the "
            "environment or a key file say the password."
        )
    kind: Kind = "streamed" if stream else "copied"
    user = host.replace(":", "_") or "_"
    around = Path(os.path.realpath(default_cache_root())) / "remote" / kind / scheme / user
    inner = inner.rstrip("/")
    if signature:
        around /= hashlib.sha256(signature.encode()).hexdigest()[:16]
        add_stand_in(around / inner, f"{scheme}://{host}/{inner}{signature}", kind)
    add_stand_in(around, f"{scheme}://{host}", kind)
    if not stream:
        bring(around / inner)
    return around / inner


def out(place: str | Path) -> Path:
    """Return the folder or file that results are written to, and sent from; see `here`.

    Raises:
        ConfigError: As `here`; or nothing can be written there.
        DataError: As `here`.
    """
    if not is_url(place):
        return Path(place)
    url = str(place).rstrip("/")
    if url.startswith("http"):
        raise ConfigError(f"Results cannot be written to {without_secrets(url)}. Give s3:// or so.")
    opened = ExitStack()
    folder = opened.enter_context(temporary_folder("openmer-out"))
    local = Path(os.path.realpath(folder)) / url.rpartition("/")[2]
    _close_at_end(opened)
    add_stand_in(local, url, "output")
    with asking(url) as (files, where):
        put_text(files, f"{where}/{SENDING}", [])
        files.rm_file(f"{where}/{SENDING}")
    bring(local, is_needed=False)
    return local


def bring(path: Path, *, is_needed: bool = True) -> None:
    """Copy the file or folder that a path stands for, as far as it is not here; else do nothing.

    Args:
        path: Anything.
        is_needed: Whether it must be there.

    Raises:
        DataError: As `here`.
    """
    one = stand_in_of(path)
    if one is None:
        return
    with asking(one.url) as (files, where):
        try:
            info = files.info(where)
        except FileNotFoundError:
            if is_needed:
                raise
            return
        if info["type"] != "directory":
            copy_files(files, {Path(one.path): info}, one.url)
            return
        root = files._strip_protocol(where).rstrip("/")
        found = {
            name.removeprefix(f"{root}/"): each
            for name, each in files.find(where, detail=True).items()
        }
        copy_files(files, complete_in(files, root, found, Path(one.path)), one.url)


def names(path: Path) -> list[Path] | None:
    """List what a folder elsewhere holds; None where the path is ordinary, or stands for none.

    Raises:
        DataError: As `here`.
    """
    one = stand_in_of(path)
    if one is None or one.kind == "output":
        return None
    with asking(one.url) as (files, where):
        if files.info(where)["type"] != "directory":
            return None
        return [
            path / each.rstrip("/").rpartition("/")[2] for each in files.ls(where, detail=False)
        ]


def is_streamed(path: Path) -> bool:
    """Tell whether a path stands for a file that is read from afar."""
    one = stand_in_of(path)
    return one is not None and one.kind == "streamed" and not path.exists()


def open_remote(path: Path) -> BinaryIO:
    """Open the file that a path stands for, without a copy where parts of it can be asked for.

    Raises:
        DataError: As `here`; reading raises it, too.
    """
    one = _remote(path)
    with asking(one.url) as (files, where):
        options = {"cache_type": "blockcache", "cache_options": {"maxblocks": _BLOCKS}}
        opened = files.open(where, "rb", block_size=_BLOCK_BYTES, **options)
        if opened.seekable():
            return _Reader(opened, one.url)  # type: ignore[return-value]
    bring(path)
    return path.open("rb")


def identity(path: Path) -> str:
    """Return a digest that changes with a file elsewhere: of its size and ETag or time, or content.

    Raises:
        DataError: As `here`.
    """
    one = _remote(path)
    with asking(one.url) as (files, where):
        known = print_of(files.info(where))
        if known is not None:
            return hashlib.sha256(json.dumps(known).encode()).hexdigest()
        with files.open(where, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def send(path: Path) -> None:
    """Send a complete file or folder to where it belongs.

    A folder is marked as incomplete while it is sent; the files that say what it holds come last.

    Raises:
        DataError: As `here`.
    """
    one = _remote(path)
    if any(map(TEMPORARY.fullmatch, one.url.split("/"))):  # inside a folder that is not complete
        return
    with asking(one.url) as (files, where):
        if not path.is_dir():
            put_file(files, path, where)
            return
        inside = [each for each in path.rglob("*") if each.is_file()]
        new = {each.relative_to(path).as_posix(): each for each in inside}
        before = set(sent_before(files, where))
        put_text(files, f"{where}/{SENDING}", sorted({*new, *before}))
        for name in sorted(before - set(new)):
            with suppress(FileNotFoundError):
                files.rm_file(f"{where}/{name}")
        for name in sorted(new, key=lambda name: (name in COMPLETE_LAST, name)):
            put_file(files, new[name], f"{where}/{name}")
        files.rm_file(f"{where}/{SENDING}")


class _Reader:
    """A file elsewhere, as a decoder reads it; a lost connection is no damage of the file."""

    def __init__(self, file: BinaryIO, url: str) -> None:
        self._file, self._url = file, url

    def read(self, size: int = -1) -> bytes:
        with explained(self._url):
            return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        with explained(self._url):
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()


def _remote(path: Path) -> StandIn:
    one = stand_in_of(path)
    if one is None:
        raise DataError(f"{path} stands for no URL.")
    return one


def _close_at_end(opened: ExitStack) -> None:
    """Remove a temporary folder when this process ends, and not when one forked from it does."""
    own = os.getpid()
    atexit.register(lambda: opened.close() if os.getpid() == own else None)
