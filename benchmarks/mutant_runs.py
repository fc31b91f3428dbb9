"""Run tests on mutants, several at a time, each in a process of its own.

A change in a function is made in a fork of a process that has collected the tests: it exchanges the
code of the function, and runs only the tests that call it. Where such a test starts processes, they
get the mutant as a copy of the package. A change elsewhere (a constant, a default, a class) is made
in the copy alone, which a fork without OpenMER loads.
"""

from __future__ import annotations

import ast
import gc
import importlib
import os
import pickle
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

from mutant_changes import SOURCE, Mutant

SURVIVED, KILLED, TIMEOUT = "survived", "killed", "too slow"
_NOT_MADE = 99  # exit status of a process that could not make its change or run its tests
_QUIET = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore", "-m", "not slow")
_STARTS = {"subprocess.Popen", "os.fork", "os.posix_spawn", "sys.setprofile"}
_START_S = 15.0  # what the limit of a mutant's time is beside five times that of its tests


def try_all(tests: Sequence[str], mutants: Sequence[Mutant], jobs: int) -> dict[Mutant, str]:
    """Return what became of each mutant.

    Raises:
        SystemExit: The tests fail without any change.
    """
    inside = [mutant for mutant in mutants if mutant.functions]
    outside = [mutant for mutant in mutants if not mutant.functions]
    with tempfile.TemporaryDirectory(prefix="openmer-mutants-") as folder:
        results, began = Path(folder, "results"), time.monotonic()
        live = Live(inside, jobs, results)
        os.waitpid(forked(lambda: run_pytest(tests, live)), 0)
        if not results.exists():
            raise SystemExit(f"{' '.join(tests)} fail without any change, or cannot be run.")
        found: dict[Mutant, str] = dict(
            zip(inside, pickle.loads(results.read_bytes()), strict=True)
        )
        limit_s = _START_S + 5 * (time.monotonic() - began)

        def start(mutant: Mutant, place: Path) -> int:
            return forked(lambda: run_pytest(tests, copied=(mutant, place)))

        found.update(watched(outside, start, lambda _: limit_s, jobs))
    return found


def run_pytest(
    tests: Sequence[str], plugin: object = None, copied: tuple[Mutant, Path] | None = None
) -> int:
    """Run tests in this process, on a copy with a mutant or without; return pytest's exit code."""
    import pytest

    if copied is not None:
        copy_package(*copied)
    return int(pytest.main([*_QUIET, *tests], plugins=[] if plugin is None else [plugin]))


def copy_package(mutant: Mutant, folder: Path) -> None:
    """Write a copy of the package with a mutant; what is started from now on loads it."""
    shutil.copytree(SOURCE / "openmer", folder / "openmer")
    path = folder / mutant.path.relative_to(SOURCE)
    path.write_text(ast.unparse(mutant.tree), encoding="utf-8")
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = str(folder)


def forked(work: Callable[[], int]) -> int:
    """Work in a process that says nothing and ends with what the work returns; return its id."""
    process = os.fork()
    if process == 0:
        os.setsid()
        os.chdir(SOURCE.parent)
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silent, stream)
        code = _NOT_MADE
        try:
            code = work()
        finally:
            os._exit(code)
    return process


def watched(
    mutants: Sequence[Mutant],
    start: Callable[[Mutant, Path], int],
    limit_s: Callable[[Mutant], float],
    jobs: int,
) -> Iterator[tuple[Mutant, str]]:
    """Start a process for each mutant; yield what became of it, as soon as it ends or is late."""
    waiting, running = list(mutants), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant, place = waiting.pop(0), Path(tempfile.mkdtemp(prefix="openmer-mutant-"))
            running[start(mutant, place)] = (mutant, time.monotonic(), place)
        for process, (mutant, since, place) in list(running.items()):
            done, status = os.waitpid(process, os.WNOHANG)
            if not done and time.monotonic() - since < limit_s(mutant):
                continue
            if not done:
                os.killpg(process, signal.SIGKILL)
                os.waitpid(process, 0)
            shutil.rmtree(place, ignore_errors=True)
            del running[process]
            if os.waitstatus_to_exitcode(status) == _NOT_MADE:
                raise RuntimeError(f"The tests were not run on {mutant}")
            yield mutant, TIMEOUT if not done else KILLED if status else SURVIVED
        time.sleep(0.02)


@dataclass
class Called:
    """What a test did: the functions that it called, by file and first line, and its seconds."""

    functions: set[tuple[str, int]] = field(default_factory=set)
    starts_processes: bool = False
    seconds: float = 0.0


@dataclass
class Live:
    """A plugin of pytest that tries mutants where the tests would run."""

    mutants: Sequence[Mutant]
    jobs: int
    results: Path

    def pytest_runtestloop(self, session: Any) -> bool:  # noqa: ANN401
        """Try every mutant on the tests that call it; write nothing where they fail without."""
        for module in {mutant.module for mutant in self.mutants}:
            importlib.import_module(module)
        calls = self.results.with_suffix(".calls")
        _, status = os.waitpid(forked(lambda: self._note_calls(session.items, calls)), 0)
        if status:
            return True
        known = list(zip(session.items, pickle.loads(calls.read_bytes()), strict=True))
        chosen = {mutant: sorted_items(mutant, known) for mutant in self.mutants}

        def start(mutant: Mutant, place: Path) -> int:
            return forked(lambda: run_mutant(mutant, chosen[mutant], place))

        def limit_s(mutant: Mutant) -> float:
            return _START_S + 5 * sum(called.seconds for _, called in chosen[mutant])

        found = dict(watched(self.mutants, start, limit_s, self.jobs))
        self.results.write_bytes(pickle.dumps([found[mutant] for mutant in self.mutants]))
        return True

    def _note_calls(self, items: Sequence[Any], path: Path) -> int:
        """Run all tests and write what each did; return 1 where one fails."""
        files = {str(mutant.path) for mutant in self.mutants}
        noted = [Called() for _ in items]
        now = [noted[0]]

        def note(frame: FrameType, event: str, _: object) -> None:
            if event == "call" and frame.f_code.co_filename in files:
                now[0].functions.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

        def listen(event: str, _: object) -> None:
            now[0].starts_processes |= event in _STARTS

        threading.setprofile(note)
        sys.setprofile(note)
        sys.addaudithook(listen)
        for place, item in enumerate(items):
            now[0], began = noted[place], time.monotonic()
            if has_failed(item, items[place + 1] if place + 1 < len(items) else None):
                return 1
            now[0].seconds = time.monotonic() - began
        sys.setprofile(None)
        path.write_bytes(pickle.dumps(noted))
        return 0


def sorted_items(mutant: Mutant, known: Sequence[tuple[Any, Called]]) -> list[tuple[Any, Called]]:
    """Return the tests that can notice a mutant, file by file, the shortest first.

    All of them where no call was seen: Python does not say what an audit hook calls.
    """
    places = {(str(mutant.path), line) for line in mutant.functions}
    chosen = [pair for pair in known if pair[1].functions & places]
    if not chosen or "sys.addaudithook" in mutant.path.read_text("utf-8"):
        chosen = list(known)
    chosen += [pair for pair in known if pair[1].starts_processes and pair not in chosen]
    by_file: dict[Path, float] = {}
    for item, called in chosen:
        by_file[item.path] = by_file.get(item.path, 0) + called.seconds
    return sorted(chosen, key=lambda pair: (by_file[pair[0].path], pair[0].path, pair[1].seconds))


def run_mutant(mutant: Mutant, chosen: Sequence[tuple[Any, Called]], place: Path) -> int:
    """Make the change in this process and run tests; return 1 as soon as one fails."""
    exchange_code(mutant)
    if any(called.starts_processes for _, called in chosen):
        copy_package(mutant, place)
    items = [item for item, _ in chosen]
    after = [*items[1:], None]
    try:
        return int(any(has_failed(item, then) for item, then in zip(items, after, strict=True)))
    except BaseException:  # that stops pytest itself
        return 1


def has_failed(item: Any, following: Any) -> bool:  # noqa: ANN401
    """Run one test; return whether it failed."""
    from _pytest.runner import runtestprotocol

    reports = runtestprotocol(item, log=False, nextitem=following)
    return any(report.failed for report in reports)


def exchange_code(mutant: Mutant) -> None:
    """Give every function of the mutant's module that exists the changed code.

    Raises:
        RuntimeError: The changed function does not exist.
    """
    changed = {}
    waiting: list[CodeType] = [compile(mutant.tree, str(mutant.path), "exec")]
    while waiting:
        code = waiting.pop()
        changed[code.co_qualname, code.co_firstlineno] = code
        waiting += [inner for inner in code.co_consts if isinstance(inner, CodeType)]
    gc.unfreeze()  # the tests freeze what is loaded, which hides it
    made = set()
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename == str(mutant.path):
            key = (one.__code__.co_qualname, one.__code__.co_firstlineno)
            same_cells = len(one.__code__.co_freevars) == len(changed[key].co_freevars)
            if same_cells and one.__name__ != "<lambda>":  # of which a line may hold two
                one.__code__ = changed[key]
                made.add(key[1])
    if not made & set(mutant.functions):
        raise RuntimeError(f"No function to change: {mutant}")
