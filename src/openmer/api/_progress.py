"""Show how far a long call is, on standard error or below a notebook's cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, TaskID

Report = Callable[[str, int, int], None]


@contextmanager
def progress(show: bool) -> Iterator[Report]:
    """Yield what is called with a stage, what is done of it, and of how much.

    Args:
        show: False shows nothing.
    """
    bars = Progress(console=Console(stderr=True), transient=True, disable=not show)
    stages: dict[str, TaskID] = {}

    def report(stage: str, done: int, total: int) -> None:
        if stage not in stages:
            stages[stage] = bars.add_task(stage)
        bars.update(stages[stage], completed=done, total=total)

    with bars:
        yield report
