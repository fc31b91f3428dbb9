"""Work that threads do ahead of its turn, with the same results as one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import ParamSpec, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Given = ParamSpec("Given")


def ahead(items: Iterable[Item], most: int) -> Generator[Item]:
    """Yield the items in their order, the next ones made by another thread meanwhile.

    Args:
        items: Made by that thread alone; what it raises is raised where the item would have come.
            Close the generator before what the items are made of.
        most: How many items wait at a time.
    """
    rest = iter(items)
    with ThreadPoolExecutor(1, "openmer-ahead") as pool:

        def asked() -> Future[list[Item]]:
            return pool.submit(lambda: list(islice(rest, 1)))

        waiting = deque(asked() for _ in range(most))
        try:
            while item := waiting.popleft().result():
                waiting.append(asked())
                yield from item
        finally:
            for one in waiting:
                one.cancel()


def later(
    pool: Executor | None, call: Callable[Given, Result], *args: Given.args, **named: Given.kwargs
) -> Callable[[], Result]:
    """Return what gives the result of a call: a pool starts it now, without one it waits."""
    if pool is None:
        return partial(call, *args, **named)
    return pool.submit(call, *args, **named).result
