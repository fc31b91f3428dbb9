"""Where commands print: results to standard output, progress and messages to standard error."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from openmer import reports
from openmer._stand_ins import shown, stand_ins, without_secrets
from openmer.errors import StoppedError
from openmer.files import readable

output = Console(markup=False, emoji=False)  # names of files and clips may hold brackets
errors = Console(stderr=True, markup=False, emoji=False)
STOPPED = "Stopped. What was finished is kept: run the same command to go on."
stopping = Event()
"""Set by Ctrl-C and SIGTERM; what they raise is lost where an import ignores every error."""

_WORDS = {
    "write": "writing clips",
    "prepare": "preparing clips",
    "train": "training folds",
    "search": "searching, trials",
    "audit": "auditing folds",
    "follow": "following faces",
    "time": "timing rounds",
    "recognize": "recognising",
    "draw": "drawing events",
    "analyze": "analysing",
}


def typed_command() -> str:
    """Return the command as it was typed, for records."""
    return without_secrets(readable(shlex.join(["openmer", *sys.argv[1:]])))


class _Shown:
    """A stream of text that has URLs in place of the paths that stand for them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(shown(text))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._stream, name)


@contextmanager
def shown_as_urls() -> Iterator[None]:
    """Print URLs in place of the paths that stand for them, in this block."""
    if not stand_ins():
        yield
        return
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Shown(sys.stdout), _Shown(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def warn(text: str) -> None:
    """One line to standard error; nothing where the text is empty."""
    if text:
        said = f"[yellow]Warning:[/] {escape(text)}"
        errors.print(said, markup=True, highlight=False, soft_wrap=True)


def tell(text: str) -> None:
    """Text of several lines to standard error as it is; nothing where it is empty."""
    if text:
        errors.print(text, highlight=False, soft_wrap=True)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    notes: Sequence[str] = (),
    right: int = 0,
    whole: bool = False,
) -> None:
    """Print a table to standard output.

    Args:
        columns: Their headings.
        rows: Their cells.
        notes: Below the table.
        right: How many of the last columns are numbers.
        whole: Break no word of the first column.
    """
    align = "l" * (len(columns) - right) + "r" * right
    table = reports.Table("", tuple(columns), tuple(map(tuple, rows)), tuple(notes), align)
    made = reports.terminal_table(table, fold=True)
    made.columns[0].no_wrap = whole
    output.print(made)


@contextmanager
def progress(title: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar per stage with the time left; yield ``report(stage, done, total)``."""
    with Progress(
        TextColumn("[bold]{task.fields[title]}[/] {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=errors,
        transient=not errors.is_terminal,
    ) as bars:
        stages = {}

        def report(stage: str, done: int, total: int) -> None:
            if stopping.is_set():
                raise KeyboardInterrupt
            if stage not in stages:
                words = _WORDS.get(stage, stage)
                stages[stage] = bars.add_task(words, total=total, completed=done, title=title)
            bars.update(stages[stage], completed=done, total=total)

        try:
            yield report
        except KeyboardInterrupt as stop:
            raise StoppedError(STOPPED) from stop
