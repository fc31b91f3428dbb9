"""One function on many items in several processes that share what they have loaded.

PyTorch alone takes some 280 MiB of a process's own memory. So one fresh process, which has one
thread only, loads it and then forks the workers: what was loaded is there once, however many
workers there are. The caller itself is never forked, for a fork copies the locks of its threads.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import islice
from multiprocessing import get_context
from typing import IO, Any, TypeVar

import cv2
from joblib import wrap_non_picklable_objects as by_value

from openmer._workers import explain_ended_workers
from openmer.errors import OpenMERError

Item = TypeVar("Item")
Result = TypeVar("Result")

_GONE = (BrokenProcessPool, EOFError, BrokenPipeError)  # what a lost process shows
_AHEAD = 4  # items under way per worker
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>
_START = "from openmer.preprocessing import _process_pool; _process_pool.serve()"

_function: Callable[[Any], Any] | None = None  # of a worker; inherited when it is forked


def can_fork() -> bool:
    """Whether processes may share memory by forking here; on Windows and macOS they may not."""
    frozen = getattr(sys, "frozen", False)  # then the executable is the application itself
    return sys.platform == "linux" and bool(sys.executable) and not frozen


def in_order(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    *,
    loaded: Iterable[str] = (),
) -> Generator[Result]:
    """Results of a function, in the order of the items, as soon as they are known.

    Args:
        function: May be of the caller's own script. It runs on one thread.
        items: Taken when needed, a few per worker ahead, so that few results wait.
        workers: Processes.
        loaded: Modules that the workers share; none that starts a thread.

    Raises:
        DataError: A process was ended from outside.
        Exception: What the function raises.
    """
    waiting = iter(items)
    with _server() as (sink, source):
        with explain_ended_workers(*_GONE):
            _write((by_value(function), workers, tuple(loaded)), sink)
            under_way = _send(waiting, _AHEAD * workers, sink)
        while under_way:
            with explain_ended_workers(*_GONE):
                answer = _read(source)
            yield _result(*answer)
            with explain_ended_workers(*_GONE):
                under_way += _send(waiting, 1, sink) - 1


def serve() -> None:
    """In the process that forks: read the function and the items, write the results."""
    global _function
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the function prints is no result
    cv2.setNumThreads(1)
    _function, workers, loaded = _read(source)
    for module in loaded:
        import_module(module)
    pool = ProcessPoolExecutor(workers, get_context("fork"), _end_with_parent, (os.getpid(),))
    under_way: deque[Future[Any]] = deque()
    try:
        for item in _items(source):
            under_way.append(pool.submit(_call, item))
            if len(under_way) >= _AHEAD * workers:
                _answer(under_way.popleft(), sink)
        while under_way:
            _answer(under_way.popleft(), sink)
    except BrokenPipeError:  # the caller is gone
        pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _server() -> Generator[tuple[IO[bytes], IO[bytes]]]:
    """Start a process that runs `serve`, yield its two ends of a pipe, and end it."""
    environment = os.environ | dict.fromkeys(_THREADS, "1")
    environment["PYTHONPATH"] = os.pathsep.join(map(str, sys.path))
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _START],  # -P: nothing is imported from the current folder
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # so that it and its workers can be ended together
    )
    if process.stdin is None or process.stdout is None:
        raise OpenMERError("A worker process has no pipes.")
    try:
        yield process.stdin, process.stdout
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        process.wait()


def _send(items: Iterator[Any], most: int, sink: IO[bytes]) -> int:
    """Write some items, and an end after the last one; how many they were."""
    count = 0
    for item in islice(items, most):
        _write(item, sink)
        count += 1
    if count < most:
        sink.close()
    return count


def _result(value: Any, error: BaseException | None) -> Any:  # noqa: ANN401 - as `_call`
    """Return a result, or raise what was raised in its place."""
    if error is not None:
        raise error
    return value


def _items(source: IO[bytes]) -> Generator[Any]:
    """Items until the caller has no more."""
    while True:
        try:
            yield _read(source)
        except EOFError:
            return


def _end_with_parent(parent: int) -> None:
    """Have the system end this worker when the process that forked it ends, however it does."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the system knew
        os._exit(1)


def _call(item: Any) -> tuple[Any, BaseException | None]:  # noqa: ANN401 - whatever the function takes
    """Call the function; return its result, or what it raised and where."""
    try:
        return (None if _function is None else _function(item)), None
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # of a plug-in's own, too
        trace = "".join(traceback.format_exception(error))
        found = error if _travels(error) else RuntimeError(f"{type(error).__name__}: {error}")
        found.add_note(f"In a worker process:\n{trace}")
        return None, found


def _travels(error: BaseException) -> bool:
    """Whether an exception arrives in another process as it is."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return type(error).__module__ != "__main__"


def _answer(future: Future[Any], sink: IO[bytes]) -> None:
    """Write a result, or what was raised; a worker that was ended ends this process, too."""
    _write(future.result(), sink)


def _write(value: object, sink: IO[bytes]) -> None:
    """One value as its length and its bytes: a bare pickle would be read beyond its end."""
    content = pickle.dumps(value)
    sink.write(len(content).to_bytes(8, "little"))
    sink.write(content)
    sink.flush()


def _read(source: IO[bytes]) -> Any:  # noqa: ANN401 - whatever was written
    """One value; `EOFError` where the writer is gone."""
    length = source.read(8)
    content = source.read(int.from_bytes(length, "little"))
    if len(length) < 8 or len(content) < int.from_bytes(length, "little"):
        raise EOFError
    return pickle.loads(content)
