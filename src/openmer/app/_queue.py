"""One at a time, in the order of their coming."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_DETECT_AGAIN_S = 0.1


class Queue:
    """A waiting line in front of work that is done for one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tickets: list[object] = []

    @contextmanager
    def turn(self, on_wait: Callable[[int], None]) -> Iterator[None]:
        """Wait for the own turn; it ends with the `with` block.

        Args:
            on_wait: Called again and again with how many are before; leaves the line by raising.
        """
        ticket = object()
        with self._lock:
            self._tickets.append(ticket)
        try:
            while before := self._before(ticket):
                on_wait(before)
                time.sleep(_DETECT_AGAIN_S)
            yield
        finally:
            with self._lock:
                self._tickets.remove(ticket)

    def _before(self, ticket: object) -> int:
        with self._lock:
            return self._tickets.index(ticket)
