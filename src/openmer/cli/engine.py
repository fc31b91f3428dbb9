"""``openmer engine``: whether a cluster of Dask is fit for OpenMER's work."""

from __future__ import annotations

import json
import platform
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from openmer import _engine, preprocessing
from openmer._dask_versions import versions
from openmer.cli._console import print_table, tell
from openmer.cli._options import Json
from openmer.errors import ConfigError

app = typer.Typer(help="Check the engine that work is sent to.", no_args_is_help=True)
_GIB = 1 << 30


@app.callback()
def _group() -> None:
    """Keep ``check`` a command of its own."""


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(metavar="ENGINE", help="dask, dask:ADDRESS or slurm:PROFILE.")
    ],
    as_json: Json = False,
) -> None:
    """Ask every worker for its versions, memory, threads, cache folder and GPU.

    Exit code 2 where a worker cannot give the same results, or cannot work at all.
    """
    engine = _engine.Engine(name)
    if engine.is_local:
        raise ConfigError("Found the engine local, which has no workers to check. Give dask.")
    with engine:  # left at its end, whatever it was before
        cluster = engine.cluster()
        cluster.await_worker(on_gpu=False)
        answers = cluster.ask(_described)
        known, dashboard = cluster.workers(), cluster.dashboard
    rows = [_row(known[at], own) for at, own in answers.items() if at in known]
    wanted = versions()
    faults = [f"{row['worker']}: {fault}" for row in rows for fault in _faults(row, wanted)]
    if as_json:
        typer.echo(
            json.dumps({"engine": name, "dashboard": dashboard, "workers": rows, "faults": faults})
        )
    else:
        _print(rows)
        tell(f"Dashboard: {dashboard}" if dashboard else "")
        tell("\n".join(faults) or f"{len(rows)} workers give the results of this computer.")
    if faults or not rows:
        raise typer.Exit(ConfigError.exit_code)


def _described() -> dict[str, Any]:
    """Describe the worker that this is called in."""
    root = preprocessing.default_cache_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            writable = True
    except OSError:
        writable = False
    return {
        "host": platform.node(),
        "cache": str(root),
        "cache_writable": writable,
        "cuda": find_spec("torch") is not None and bool(list(Path("/dev").glob("nvidia[0-9]*"))),
        "versions": versions(),
    }


def _row(known: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    return {
        "worker": str(known["name"]),
        "threads": known["nthreads"],
        "memory_gib": round((known.get("memory_limit") or 0) / _GIB, 1),
        "gpus": (known.get("resources") or {}).get("GPU", 0),
        **own,
    }


def _faults(row: dict[str, Any], versions_here: dict[str, str]) -> list[str]:
    """Say why a worker would not give the same results, or none at all."""
    faults = [
        f"{package} {row['versions'][package] or 'missing'} in place of {wanted}"
        for package, wanted in versions_here.items()
        if row["versions"][package] != wanted
    ]
    if not row["cache_writable"]:
        faults.append(f"the cache {row['cache']} cannot be written; set OPENMER_CACHE")
    if row["gpus"] and not row["cuda"]:
        faults.append("it offers a GPU and has none")
    return faults


def _print(rows: list[dict[str, Any]]) -> None:
    """Print a line for each worker."""
    keys = ("worker", "host", "threads", "memory_gib", "gpus")
    print_table(
        ("worker", "host", "threads", "memory GiB", "GPU", "OpenMER", "PyTorch", "cache"),
        [
            [*(str(row[key]) for key in keys),
             *(str(row["versions"][name]) for name in ("openmer", "torch")), str(row["cache"])]
            for row in rows
        ],
    )  # fmt: skip
