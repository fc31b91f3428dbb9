"""Worker processes with a Python of their own: shared files are removed, sudden ends explained.

On Linux, preparing clips forks its workers instead (`openmer.preprocessing._process_pool`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from joblib import Parallel, parallel_config

from openmer._worker_files import shared_folder
from openmer.errors import DataError


def in_workers(
    tasks: Iterable[Any],
    workers: int,
    *,
    ordered: bool = True,
    threads: int | None = None,
    how: Mapping[str, object] = MappingProxyType({}),
) -> Iterator[Any]:
    """Yield what tasks return; stopping early stops the workers.

    Args:
        tasks: As `joblib.delayed` makes them.
        workers: Processes.
        ordered: Results come in the order of the tasks, and not as they are done.
        threads: Of each process in compiled libraries; None leaves it to joblib.
        how: More for `joblib.Parallel`.

    Raises:
        DataError: A process was ended from outside, or could not start.
        Exception: What a task raises.
    """
    with parallel_config(backend="loky", inner_max_num_threads=threads):
        run = Parallel(
            n_jobs=workers,
            return_as="generator" if ordered else "generator_unordered",
            temp_folder=str(shared_folder()),
            **how,
        )
    with explain_ended_workers(BrokenProcessPool):
        yield from run(tasks)


@contextmanager
def explain_ended_workers(*kinds: type[Exception]) -> Iterator[None]:
    """Say what errors of these kinds mean: a worker process is gone.

    Raises:
        DataError: One of them arose.
    """
    try:
        yield
    except kinds as error:
        raise DataError(
            "A worker process was ended from outside, most often for want of memory. What was "
            "finished is kept: run the same command to go on, with fewer workers (--workers 1) or, "
            "in a training, less memory (--memory-gib)."
        ) from error
