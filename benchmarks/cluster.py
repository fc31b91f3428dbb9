"""Kill workers of a cluster at random moments; compare the bytes with those of one computer.

    python benchmarks/cluster.py [--rounds 20] [--out benchmarks/results/cluster.md]

A scheduler and four workers of Dask, as processes of their own on loopback. STSTNet is evaluated on
a synthetic corpus; two workers are killed (SIGKILL) at moments drawn from the length of a run.
Counted are fold files that differ from those of one computer, folds trained again after they were
stored, and calls made again. Without kills, the same work is timed with both engines in turn.
Needs Linux and the extra `cluster`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from machine import processor

from openmer._dask_cluster import DaskCluster
from openmer.datasets import write_corpus

COMMAND = (
    "evaluate", "ststnet", "--set", "training.epochs=30", "--compiled", "never", "--workers", "2",
)  # fmt: skip
WORKERS, KILLED = 4, 2


def dask(*words: str) -> subprocess.Popen[bytes]:
    """Start a process of Dask."""
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Start a scheduler and workers; yield the address."""
    file = folder / "scheduler.json"
    processes = [
        dask("scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1",
             "--scheduler-file", str(file))
    ]  # fmt: skip
    while not file.exists():
        time.sleep(0.1)
    address = json.loads(file.read_text())["address"]
    local = str(folder / "local")
    processes.append(
        dask("worker", address, "--nworkers", str(WORKERS), "--nthreads", "1", "--no-dashboard",
             "--local-directory", local)
    )  # fmt: skip
    try:
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def run(manifest: Path, out: Path, engine: str) -> subprocess.Popen[str]:
    """Start the evaluation."""
    words = [*COMMAND, "--manifest", str(manifest), "--out", str(out), "--engine", engine]
    return subprocess.Popen(
        [sys.executable, "-c", "from openmer.cli import main; main()", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def files_of(out: Path) -> dict[str, tuple[bytes, int]]:
    """Return contents and inode of every fold file."""
    return {
        str(path.relative_to(out)): (path.read_bytes(), path.stat().st_ino)
        for path in out.rglob("*.parquet")
    }


def killed_round(
    rng: random.Random, manifest: Path, out: Path, address: str, usual_s: float
) -> tuple[int, int, int]:
    """Run with kills; return how many workers died, folds stored twice, and calls made again."""
    moments = sorted(rng.uniform(0.2, 0.9) * usual_s for _ in range(KILLED))
    asking = DaskCluster(f"dask:{address}")
    inodes: dict[str, int] = {}
    killed = twice = 0
    process, started = run(manifest, out, f"dask:{address}"), time.time()
    while process.poll() is None:
        if moments and time.time() - started > moments[0]:
            moments.pop(0)
            os.kill(rng.choice(sorted(asking.ask(os.getpid).values())), signal.SIGKILL)
            killed += 1
        for name, (_, inode) in files_of(out).items():
            twice += inodes.setdefault(name, inode) != inode
        time.sleep(0.2)
    words = process.communicate()[1]
    if process.returncode:
        sys.exit(words)
    again = re.search(r"(\d+) made again", words)
    return killed, twice, int(again[1]) if again else 0


def timed(manifest: Path, out: Path, engine: str) -> float:
    """Run to the end; return the seconds it took."""
    started = time.time()
    process = run(manifest, out, engine)
    words = process.communicate()[1]
    if process.returncode:
        sys.exit(words)
    return time.time() - started


def main() -> None:
    """Run all rounds and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/cluster.md")
    arguments = parser.parse_args()
    rng, killed, twice, again, differ = random.Random(0), 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        manifest = write_corpus(folder / "corpus", "demo")
        own_s = timed(manifest, folder / "own", "local")
        own = {name: content for name, (content, _) in files_of(folder / "own").items()}
        with cluster(folder) as address:
            sent_s = timed(manifest, folder / "sent", f"dask:{address}")
            for number in range(arguments.rounds):
                out = folder / f"round{number}"
                found = killed_round(rng, manifest, out, address, sent_s)
                killed, twice, again = killed + found[0], twice + found[1], again + found[2]
                sent = {name: content for name, (content, _) in files_of(out).items()}
                differ += sum(sent.get(name) != content for name, content in own.items())
                print(f"round {number}: killed {found[0]}, again {found[2]}", flush=True)
    arguments.out.write_text(
        f"""# Killed workers of a cluster

    python benchmarks/cluster.py --rounds {arguments.rounds}

{processor()}; load {os.getloadavg()[0]:.0f} at the end. Scheduler and {WORKERS} workers
as processes on loopback, STSTNet on the synthetic demo corpus, {len(own)}
folds, `{" ".join(COMMAND)}`.

| rounds | workers killed | fold files that differ | folds stored twice | calls made again |
|---|---|---|---|---|
| {arguments.rounds} | {killed} | {differ} | {twice} | {again} |

Once without kills: {own_s:.0f} s with two processes of one computer, {sent_s:.0f} s with
{WORKERS} workers on the same {os.cpu_count()} cores.
""",
        encoding="utf-8",
    )
    print(arguments.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
