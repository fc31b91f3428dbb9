"""What visitors may store: bounded for each of them, at a time, together, and in time."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, final

from starlette.formparsers import MultiPartException

from openmer.app._settings import PageSettings

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_AT_A_TIME = 4
_TOGETHER = 4  # times the largest file
_AROUND_BYTES = 2**16  # what a form has beside its file; and the most that another request has
_SILENT_S = 15.0
_SLOWEST = 10_000  # bytes a second, from then on
_UNTAKEN_S = 60.0


class RefusedError(Exception):
    """A request that is not answered.

    Attributes:
        status: Of the answer, as HTTP has it.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@final
class Uploads:
    """Bounds what visitors upload, and removes what no analysis took.

    Args:
        folder: All files of the page; uploads are in its folder "uploads".
        settings: Says how large a file may be.
    """

    def __init__(self, folder: Path, settings: PageSettings) -> None:
        self._folder = folder
        self._most = settings.max_bytes
        self._promised: list[int] = []

    @contextmanager
    def bound(self, receive: Receive, stated: str, *, is_file: bool) -> Iterator[Receive]:
        """Give a receiver that ends a body which is too large, too slow, or silent.

        Args:
            receive: Gives the parts of the body, as ASGI has it.
            stated: What the request says of the length of its body; "" for nothing.
            is_file: Whether it is a video; else a short text.
        """
        most = _AROUND_BYTES + (self._most if is_file else 0)
        length = int(stated) if stated.isascii() and stated.isdigit() else most
        if length > most:
            raise RefusedError(413, _too_large(most))
        if is_file:
            self._check_room(length)
            self._promised.append(length)
        try:
            yield _limited(receive, most)
        finally:
            if is_file:
                self._promised.remove(length)

    def tidy(self) -> None:
        """Remove uploads that nobody took within a minute, for instance those broken off."""
        for place, _, files in os.walk(self._folder / "uploads", topdown=False):
            folder = Path(place)
            for file in files:
                _remove_old(folder / file)
            if folder.name != "uploads":
                with suppress(OSError):  # not empty
                    folder.rmdir()

    def _check_room(self, length: int) -> None:
        if len(self._promised) >= _AT_A_TIME:
            raise RefusedError(
                503, f"{_AT_A_TIME} videos are being given to this page. Try again in a minute."
            )
        if self._stored() + sum(self._promised) + length > _TOGETHER * self._most:
            raise RefusedError(
                507, "This page has no room for another video. Try again when others have left it."
            )

    def _stored(self) -> int:
        """Count the bytes of all files of the page; an upload counts as some, even if empty."""
        total = 0
        for place, _, files in os.walk(self._folder):
            least = _AROUND_BYTES * Path(place).is_relative_to(self._folder / "uploads")
            for file in files:
                with suppress(OSError):
                    total += max(least, Path(place, file).lstat().st_size)
        return total


def _remove_old(file: Path) -> None:
    with suppress(OSError):
        if time.time() - file.lstat().st_mtime > _UNTAKEN_S:
            file.unlink()


def _limited(receive: Receive, most: int) -> Receive:
    """Give the parts of a body; raise what the reader of a form answers with its reason."""
    read, began, is_over = 0, time.monotonic(), False

    async def limited() -> MutableMapping[str, Any]:
        nonlocal read, is_over
        if is_over:  # what is waited for now is the end of the connection
            return await receive()
        try:
            async with asyncio.timeout(_SILENT_S):
                message = await receive()
        except TimeoutError:
            raise MultiPartException(f"Nothing came for {_SILENT_S:g} s. Give it again.") from None
        read += len(message.get("body", b""))
        is_over = not message.get("more_body", False)
        if read > most:
            raise MultiPartException(_too_large(most))
        if time.monotonic() - began > _SILENT_S + read / _SLOWEST:
            raise MultiPartException("It came too slowly. Give it again.")
        return message

    return limited


def _too_large(most: int) -> str:
    return f"This exceeds the maximum allowed size of {most} bytes."
