"""Where folds are trained and videos analysed: on this computer, or on a cluster of Dask.

An engine changes where work is done, and nothing else: the plan of a run is made before, jobs are
the same, and the caller alone writes what people rely on. Scheduling, transport, dead workers and
dashboards are Dask's (``pip install 'openmer[cluster]'``); no queue and no heartbeat is ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import current_process
from typing import TYPE_CHECKING, Any, Self, TypeVar

from openmer.errors import ConfigError

if TYPE_CHECKING:
    from openmer._dask_cluster import DaskCluster

VARIABLE = "OPENMER_ENGINE"
LOCAL = "local"
KINDS = ("local", "dask", "slurm")
T = TypeVar("T")


class Engine:
    """Where folds are trained and videos analysed, for what runs inside its `with` block.

    Args:
        name: "local": processes of this computer. "dask": as many worker processes of Dask on this
            computer as it has cores. "dask:ADDRESS": a running scheduler, as tcp://HOST:8786.
            "slurm[:PROFILE[:JOBS]]": JOBS jobs (2) of the cluster that the section PROFILE
            ("slurm") of Dask-Jobqueue's configuration describes.

    Raises:
        ConfigError: The name is none of these, or its packages are not installed.

    Example:
        with openmer.Engine("local"):  # or "dask:tcp://HOST:8786"
            result = openmer.evaluate("flow-svm", "clips.csv")
    """

    def __init__(self, name: str = LOCAL) -> None:
        kind = name.partition(":")[0]
        if kind not in KINDS or (kind == LOCAL and name != LOCAL) or name.endswith(":"):
            raise ConfigError(
                f"There is no engine {name!r}. Give local, dask, dask:ADDRESS or slurm:PROFILE."
            )
        if kind != LOCAL and find_spec("distributed") is None:
            raise ConfigError(
                f"The engine {name!r} needs Dask. Install it with: pip install 'openmer[cluster]'"
            )
        if kind != LOCAL and getattr(current_process(), "_inheriting", False):
            raise SystemExit(1)  # a worker that runs the script of its parent, which says why
        self.name = name
        self._before: list[str | None] = []

    def __repr__(self) -> str:
        return f"Engine({self.name!r})"

    def __enter__(self) -> Self:
        self._before.append(os.environ.get(VARIABLE))
        os.environ[VARIABLE] = self.name
        return self

    def __exit__(self, *_: object) -> None:
        close_cluster(self.name)
        before = self._before.pop()
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before

    @property
    def is_local(self) -> bool:
        """Whether work stays in processes that this one starts."""
        return self.name == LOCAL

    def run(
        self,
        function: Callable[..., T],
        calls: Sequence[tuple[Any, ...]],
        common: tuple[Any, ...] = (),
        *,
        on_gpu: bool = False,
    ) -> Iterator[T]:
        """Call a function many times on the cluster; results come as they finish.

        Stopping the iteration early cancels what is left. A call whose worker died is made again.

        Args:
            function: Called with what is common, then with the values of a call.
            calls: The values of each call.
            common: What all calls share; each worker gets it once.
            on_gpu: Whether a call occupies one resource "GPU" of a worker.

        Raises:
            OpenMERError: As the function; or the scheduler is gone, no worker came, a worker has
                other versions, or workers died again and again.
        """
        return self.cluster().run(function, calls, common, on_gpu=on_gpu)

    def require(self) -> None:
        """Look whether work can be sent before any is done.

        Raises:
            ConfigError: A scheduler that runs elsewhere does not answer; or jobs of Slurm cannot be
                submitted from here, or their section of the configuration is not there.
            OpenMERError: That scheduler has no worker, and gets none within a minute.
        """
        kind, _, where = self.name.partition(":")
        if kind == "dask" and where:
            self.cluster().await_worker(on_gpu=False, wait_s=_dask_room().SOON_S)
        elif kind == "slurm":
            _dask_room().slurm_profile(where)

    def cluster(self) -> DaskCluster:
        """Return the cluster of this name; the first call connects or starts it.

        Raises:
            ConfigError: It cannot be reached or started.
        """
        if self.name not in _clusters:
            _clusters[self.name] = _dask_room().DaskCluster(self.name)
        return _clusters[self.name]


def _dask_room() -> Any:  # noqa: ANN401
    """Load what needs Dask."""
    return import_module("openmer._dask_cluster")


_clusters: dict[str, DaskCluster] = {}


def current_engine() -> Engine:
    """Return the engine of the innermost `with` block, or of the variable OPENMER_ENGINE.

    Raises:
        ConfigError: The variable names none.
    """
    return Engine(os.environ.get(VARIABLE) or LOCAL)


def close_cluster(name: str) -> str:
    """Disconnect from a cluster, and end it if it was started here; say what it did.

    Returns:
        One line on calls, workers, processor time and calls made again; empty if none was made.
    """
    cluster = _clusters.pop(name, None)
    return "" if cluster is None else cluster.close()
