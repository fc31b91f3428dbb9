"""A cluster of Dask as the engine uses it: calls go out, each result comes back once."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from getpass import getuser
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

import dask
import distributed
from distributed import Client, Future, LocalCluster, as_completed
from distributed.core import Status

from openmer import _plugins, _stand_ins
from openmer._dask_versions import versions
from openmer.errors import ConfigError, OpenMERError

CONNECT_S = 20  # for a scheduler to answer
SOON_S = 60  # for a first worker, before any work
WAIT_S = 120  # for a worker, later
QUEUE_S = 86_400  # for a job of Slurm to begin
LOOK_S = 20  # between two looks at its queue
_SLURM = "slurm"  # the section that is read where no other is named
TRIES = 4  # of a call whose worker, or whose data, was lost
# Dask would look at the stack of each call a hundred times a second, for a page that is not there.
_UNWATCHED = {"distributed.worker.profile.enabled": False}
T = TypeVar("T")
Calls = dict[int, tuple[Any, ...]]

_LOST = (distributed.KilledWorker, distributed.CancelledError)

_one_at_a_time = threading.Lock()
_log = logging.getLogger("openmer")


class DaskCluster:
    """A client of a scheduler; schedulers that it started end with it.

    Args:
        name: As in `openmer.Engine`, but not "local".

    Raises:
        ConfigError: The scheduler cannot be reached or started.
    """

    def __init__(self, name: str) -> None:
        kind, _, where = name.partition(":")
        self._queues = kind == "slurm"
        self._own = None if kind == "dask" and where else _started(kind, where)
        self.address = where if self._own is None else self._own.scheduler_address
        # Held as it connects: one that cannot is closed here. Left to the collector, it would be
        # closed at any moment, in the middle of the next one's start for all we know, which hangs.
        self.client = Client.__new__(Client)
        try:
            self.client.__init__(self._own or where, timeout=CONNECT_S, set_as_default=False)
        except Exception as error:  # whatever it reads from what is no scheduler
            with suppress(Exception):
                self.client.close()
            raise ConfigError(
                f"No scheduler of Dask answers at {self.address!r}: {error}. Start one with `dask "
                "scheduler`, or correct --engine."
            ) from error
        self._calls = self._again = 0
        self._busy_s = 0.0
        self._sent: dict[str, tuple[int, int]] = {}  # bytes, at each worker's first and last call

    def run(
        self,
        function: Callable[..., T],
        calls: Sequence[tuple[Any, ...]],
        common: tuple[Any, ...] = (),
        *,
        on_gpu: bool = False,
    ) -> Iterator[T]:
        """Make calls; see `openmer.Engine.run`."""
        if not self._calls and self.dashboard:
            _log.warning("Progress of all workers: %s", self.dashboard)
        left: Calls = dict(enumerate(calls))
        resources = {"GPU": 1} if on_gpu else {}
        for _ in range(TRIES):
            self.await_worker(on_gpu=on_gpu)
            yield from self._try(function, left, common, resources)
            if not left:
                return
            self._again += len(left)
        raise OpenMERError(
            f"{len(left)} of {len(calls)} calls were lost {TRIES} times with the workers that made "
            "them, most often for want of memory. What was finished is kept: run the same command "
            "to go on, with more memory for each worker."
        )

    def _try(
        self,
        function: Callable[..., T],
        left: Calls,
        common: tuple[Any, ...],
        resources: dict[str, int],
    ) -> Iterator[T]:
        """Submit what is left, yield what finishes and take it off; lost calls stay."""
        told = {name: os.environ.get(name, "") for name in (_plugins.VARIABLE, _stand_ins.VARIABLE)}
        task = (function, versions(), told)
        # Workers copy it from one another with their first call. A broadcast would wait for ever
        # where a worker dies in it.
        try:
            (shared,) = self.client.scatter([common], hash=False)
        except (OSError, TimeoutError):  # the worker that was to have it first is gone
            self._require_scheduler()
            return
        numbers = {
            self.client.submit(_call, task, shared, call, pure=False, resources=resources): number
            for number, call in left.items()
        }
        try:
            with self.client.as_current():  # it asks for the client of its futures once
                ended = as_completed(list(numbers), raise_errors=False)
            for future in ended:
                if not self._is_done(future):
                    continue
                try:  # a result lies in its worker until it is asked for
                    result, seconds, worker, sent = future.result()
                except _LOST:
                    continue
                self._calls, self._busy_s = self._calls + 1, self._busy_s + seconds
                self._sent[worker] = (self._sent.get(worker, (sent, sent))[0], sent)
                del left[numbers[future]]
                future.release()
                yield result
        finally:
            with suppress(Exception):  # a scheduler that is gone has nothing to cancel
                self.client.cancel([one for one in numbers if not one.done()])

    def _is_done(self, future: Future) -> bool:
        """Return whether a call finished; False where it was lost with its worker.

        Raises:
            OpenMERError: The scheduler is gone.
            Exception: What the function raised.
        """
        if future.status == "finished":
            return True
        self._require_scheduler()
        if future.status == "error":
            error = future.exception()
            if not isinstance(error, _LOST):
                raise error
        return False

    def _require_scheduler(self) -> None:
        if self.client.status != "running":
            raise OpenMERError(
                f"The scheduler at {self.address} is gone. What was finished is kept: run the same "
                "command to go on."
            )

    def await_worker(self, *, on_gpu: bool, wait_s: float | None = None) -> None:
        """Wait until there is a worker.

        Args:
            on_gpu: It must offer a GPU.
            wait_s: Seconds at most; None is as long as jobs may wait in a queue, or a worker takes
                to start again.

        Raises:
            OpenMERError: None came in time; all jobs of the queue ended or were refused; or none
                offers a GPU where one is needed.
        """
        if wait_s is None:
            wait_s = QUEUE_S if self._queues else WAIT_S
        if self._queues and not self.workers():
            _log.warning("Waiting for the first job of the queue to begin; Ctrl-C ends it.")
        deadline = time.monotonic() + wait_s
        while not self._came(deadline - time.monotonic()):
            gone = self._queues and self._jobs_ended()
            if gone and not self._came(LOOK_S):  # one that has just begun is not in the queue yet
                raise OpenMERError(
                    "All jobs of the queue ended, or were refused, before a worker of them came. "
                    "Look at what sbatch said and they wrote, and describe what they need in "
                    "Dask-Jobqueue's configuration (jobqueue.yaml)."
                )
            if time.monotonic() >= deadline:
                todo = f"Start one with `dask worker {self.address} --nthreads 1`."
                raise OpenMERError(
                    f"No worker came to the scheduler at {self.address} within {wait_s:g} s. "
                    + ("Look at the jobs with squeue." if self._queues else todo)
                )
        workers = self.workers().values()
        if on_gpu and not any(worker["resources"].get("GPU") for worker in workers):
            raise OpenMERError(
                f"None of the {len(workers)} workers at {self.address} offers a GPU. Start one "
                "with `dask worker ... --resources GPU=1`, or give --device cpu."
            )

    def _came(self, wait_s: float) -> bool:
        """Wait until there is a worker, LOOK_S at most; return whether there is one."""
        with suppress(TimeoutError):
            self.client.wait_for_workers(1, timeout=max(0.1, min(wait_s, LOOK_S)))
            return True
        return False

    def _jobs_ended(self) -> bool:
        """Return whether Slurm lists none of the jobs; False where it cannot be asked."""
        jobs = {getattr(job, "job_id", None) for job in getattr(self._own, "workers", {}).values()}
        try:
            listed = subprocess.run(
                ("squeue", "--noheader", "--format=%A", f"--user={getuser()}"),
                capture_output=True, text=True, check=True, timeout=LOOK_S,
            )  # fmt: skip
        except (OSError, KeyError, subprocess.SubprocessError):  # KeyError: this user has no name
            return False
        return jobs.isdisjoint(listed.stdout.split())

    def workers(self) -> dict[str, dict[str, Any]]:
        """Return what the scheduler knows of each worker, by its address."""
        return dict(self.client.scheduler_info(n_workers=-1)["workers"])

    def ask(self, function: Callable[[], T]) -> dict[str, T]:
        """Call a function once in every worker; answers by address."""
        return dict(self.client.run(function))

    def close(self) -> str:
        """Disconnect, end what was started, and say in one line what was done."""
        with suppress(Exception):  # closing a connection that is gone
            self.client.close()
        if self._own is not None:
            try:
                self._own.close()
            except AssertionError:  # its last one, of jobs that were refused; all else is ended
                self._own.status = Status.closed
        if not self._calls:
            return ""
        again = f", {self._again} made again" if self._again else ""
        sent = sum(last - first for first, last in self._sent.values())
        return (
            f"{self._calls} calls on {len(self._sent)} workers, {self._busy_s / 60:.1f} core "
            f"minutes, {sent / 1e6:.1f} MB sent by workers{again}."
        )

    @property
    def dashboard(self) -> str:
        """The address of the scheduler's page; "" where it has none."""
        port = self.client.scheduler_info()["services"].get("dashboard")
        host = self.address.partition("://")[2].rpartition(":")[0]
        return f"http://{host}:{port}/status" if port else ""


def _call(
    task: tuple[Callable[..., T], dict[str, str], dict[str, str]],
    common: tuple[Any, ...],
    call: tuple[Any],
) -> tuple[T, float, str, int]:
    """Make one call in a worker: result, seconds, the worker's address, bytes that it has sent."""
    function, wanted, told = task
    at = distributed.get_worker()
    worker, sent = at.address, at.transfer_outgoing_bytes_total
    found = versions()
    if found != wanted:
        other = [name for name in wanted if found.get(name) != wanted[name]]
        pairs = ", ".join(f"{name} {found.get(name)} in place of {wanted[name]}" for name in other)
        raise OpenMERError(
            f"The worker {worker} has {pairs}. Results would differ: install the same versions."
        )
    os.environ[_stand_ins.VARIABLE] = told[_stand_ins.VARIABLE]
    if plugins := told[_plugins.VARIABLE]:
        _plugins.add_plugins(plugins.split(os.pathsep))
    with _one_at_a_time:
        started = time.perf_counter()
        return function(*common, *call), time.perf_counter() - started, worker, sent


def _on_this_computer() -> LocalCluster:
    """Start a worker on each core.

    Raises:
        ConfigError: They ended at once, which a script without a main guard makes them do.
    """
    try:
        with dask.config.set(_UNWATCHED):
            return LocalCluster(
                n_workers=os.cpu_count() or 1,
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
    except RuntimeError as error:
        raise ConfigError(
            f"The workers of Dask ended before they began ({str(error).rstrip('.')}). A worker "
            "first runs your script from its top: put all that it does under `if __name__ == "
            "'__main__':`."
        ) from None


def _started(kind: str, where: str) -> LocalCluster:
    """Start workers on this computer, or as jobs of Slurm."""
    if kind == "dask":
        return _on_this_computer()
    profile, jobs = slurm_profile(where)
    try:
        cluster = import_module("dask_jobqueue").SLURMCluster(config_name=profile)
        cluster.scale(jobs=jobs)
    except Exception as error:  # whatever Dask-Jobqueue and its configuration raise
        raise ConfigError(
            f"The engine slurm:{where} cannot be started: {type(error).__name__}: {error}. "
            "Describe your cluster in Dask-Jobqueue's configuration (jobqueue.yaml)."
        ) from error
    return cluster


def slurm_profile(where: str) -> tuple[str, int]:
    """Return the section of Dask-Jobqueue's configuration, and how many jobs are asked for.

    Args:
        where: What stands behind "slurm:" in the name of the engine.

    Raises:
        ConfigError: Dask-Jobqueue or Slurm is not here, there is no such section, or no number.
    """
    if find_spec("dask_jobqueue") is None:
        raise ConfigError(
            "The engine slurm needs Dask-Jobqueue. Install it with: pip install 'openmer[cluster]'"
        )
    profile, _, jobs = where.partition(":")
    if not re.fullmatch(r"([1-9]\d{0,3})?", jobs, flags=re.ASCII):
        raise ConfigError(
            f"The engine slurm:{where} asks for {jobs[:40]!r} jobs, expected 1 to 9999."
        )
    import_module("dask_jobqueue")  # which reads its configuration
    _complete(profile or _SLURM)
    if shutil.which("sbatch") is None:
        raise ConfigError(
            "There is no command sbatch here. Run this where jobs of Slurm are submitted."
        )
    return profile or _SLURM, int(jobs or 2)


def _complete(profile: str) -> None:
    """Give a section of Dask-Jobqueue's configuration what it leaves out, as "slurm" has it.

    Raises:
        ConfigError: There is no such section.
    """
    # Defaults are read anew: a `with dask.config.set(...)` around their first import ends them too.
    here = {"jobqueue": dask.config.get("jobqueue", {})}
    known = dask.config.merge(*dask.config.defaults, here)["jobqueue"]
    if profile not in known:
        raise ConfigError(
            f"There is no section {profile!r} in Dask-Jobqueue's configuration (jobqueue.yaml). "
            f"Known: {', '.join(sorted(known))}."
        )
    dask.config.set({f"jobqueue.{profile}": {**known[_SLURM], **known[profile]}})
