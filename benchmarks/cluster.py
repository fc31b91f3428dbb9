"""Kill workers of a cluster at random moments; compare the bytes with those of one computer.

    python benchmarks/cluster.py [--rounds 20] [--out benchmarks/results/cluster.md]
    python benchmarks/cluster.py --videos 500
    python benchmarks/cluster.py --overhead

With --videos, that many short videos are analysed while workers are killed; counted are videos that
are missing, analysed again after they were stored, or whose events differ from those of one
computer. With --overhead, the folds of 68 subjects are trained by both engines, and their processor
seconds compared.

By default: a scheduler and four workers of Dask, as processes of their own on loopback. STSTNet is
evaluated on a synthetic corpus; two workers are killed (SIGKILL) at moments drawn from the length
of a run.
Counted are fold files that differ from those of one computer, folds trained again after they were
stored, and calls made again. Without kills, the same work is timed with both engines in turn.
Needs Linux and the extra `cluster`.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import psutil
from machine import processor

from openmer._dask_cluster import DaskCluster
from openmer.datasets import write_corpus
from openmer.datasets.synthetic._clips import generate
from openmer.video import write_video

COMMAND = (
    "evaluate", "ststnet", "--set", "training.epochs=30", "--compiled", "never", "--workers", "2",
)  # fmt: skip
PLAIN = ("--no-model", "--no-replays")
WORKERS, KILLED = 4, 2
COMPARED = 25  # videos
LENGTHS = (2, 8)  # epochs
WORDS = ("happiness", "disgust", "surprise")


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
        asking = DaskCluster(f"dask:{address}")
        asking.client.wait_for_workers(WORKERS)
        asking.close()
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def run(manifest: Path, out: Path, engine: str) -> subprocess.Popen[str]:
    """Start the evaluation."""
    words = (*COMMAND, "--manifest", str(manifest), "--out", str(out), "--engine", engine)
    return command(*words)


def command(*words: str) -> subprocess.Popen[str]:
    """Start a command of OpenMER."""
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


def write_videos(folder: Path, count: int) -> None:
    """Write videos of a second at 160 pixels; no two of them are the same."""
    clips = list(generate("tiny"))
    rng = np.random.default_rng(0)
    for number in range(count):
        frames = clips[number % len(clips)].frames_rgb
        shown = [cv2.resize(frames[at % len(frames)], (160, 120)) for at in range(25)]
        noise = rng.integers(0, 4, (120, 160, 1), dtype=np.uint8)
        images = (np.minimum(image, 251) + noise for image in shown)
        write_video(folder / f"video{number:03}.mp4", images, fps=Fraction(25))


def analyze(videos: Path, out: Path, engine: str) -> subprocess.Popen[str]:
    """Start the analysis of a folder of videos."""
    return command("analyze", str(videos), *PLAIN, "--out", str(out), "--engine", engine)


def killed_videos(
    rng: random.Random, videos: Path, out: Path, address: str
) -> tuple[int, int, str]:
    """Analyse videos with kills; return kills, videos stored again, and what the command said."""
    inodes = dict[str, int]()
    killed = twice = 0
    process, next_kill = analyze(videos, out, f"dask:{address}"), time.time() + 20
    atexit.register(process.kill)
    while process.poll() is None:
        if time.time() > next_kill:
            next_kill = time.time() + rng.uniform(5, 25)
            with suppress(OSError, IndexError):
                os.kill(rng.choice(worker_processes()), signal.SIGKILL)
                killed += 1
        for stamp in out.glob("*/done.json"):
            with suppress(FileNotFoundError):
                inode = stamp.stat().st_ino
                twice += inodes.setdefault(stamp.parent.name, inode) != inode
                inodes[stamp.parent.name] = inode
        time.sleep(0.5)
    words = process.communicate()[1]
    if process.returncode not in {0, 5, 6}:
        sys.exit(words)
    return killed, twice, words


def worker_processes() -> list[int]:
    """List the processes that nannies started, below this one."""
    found = []
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            found += [one.pid] if "spawn_main" in " ".join(one.cmdline()) else []
    return found


def videos_mode(count: int, out: Path) -> None:
    """Kill workers that analyse videos, and write the figures."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "videos").mkdir()
        write_videos(folder / "videos", count)
        started = time.time()
        with cluster(folder) as address:
            killed, twice, words = killed_videos(
                random.Random(0), folder / "videos", folder / "sent", address
            )
        seconds = time.time() - started
        (folder / "some").mkdir()
        for number in range(0, count, max(1, count // COMPARED)):
            name = f"video{number:03}.mp4"
            shutil.copy2(folder / "videos" / name, folder / "some" / name)
        analyze(folder / "some", folder / "own", "local").communicate()
        own = {path.parent.name: path.read_bytes() for path in folder.glob("own/*/events.csv")}
        differ = sum(
            (folder / "sent" / name / "events.csv").read_bytes() != content
            for name, content in own.items()
        )
        stored = len(list(folder.glob("sent/*/done.json")))
    out.write_text(
        f"""# Killed workers that analyse videos

    python benchmarks/cluster.py --videos {count}

{processor()}; load {os.getloadavg()[0]:.0f} at the end. Scheduler and {WORKERS} workers
as processes on loopback, {count} synthetic videos of a second at 160 pixels,
`analyze {" ".join(PLAIN)}`, {seconds / 60:.0f} minutes.

| videos | workers killed | missing | stored again | of {len(own)} compared, events differ |
|---|---|---|---|---|
| {count} | {killed} | {count - stored} | {twice} | {differ} |

{words.strip().splitlines()[-1]}
""",
        encoding="utf-8",
    )
    print(out.read_text(encoding="utf-8"))


def write_flow(folder: Path) -> Path:
    """Write flow images of noise: 442 clips of 68 subjects, as many as of the MEGC 2019 task."""
    folder.mkdir()
    rng, rows = np.random.default_rng(0), ["corpus,subject,clip,label,flow_path"]
    for number in range(442):
        name, word = f"c{number:03}.png", WORDS[(number // 68 + number) % 3]
        cv2.imwrite(str(folder / name), rng.integers(0, 256, (28, 28, 3), dtype=np.uint8))
        rows.append(f"own,s{number % 68:02},c{number:03},{word},{name}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "manifest.csv"


def processor_seconds(process: subprocess.Popen[str]) -> float:
    """Wait for a command; return the processor time of it and all that it started."""
    known: dict[tuple[int, float], float] = {}
    first = psutil.Process(process.pid)
    while process.poll() is None:
        with suppress(psutil.Error):
            for one in (first, *first.children(recursive=True)):
                with suppress(psutil.Error):
                    times = one.cpu_times()
                    known[one.pid, one.create_time()] = times.user + times.system
        time.sleep(0.2)
    return sum(known.values())


def train(manifest: Path, epochs: int, engine: str) -> subprocess.Popen[str]:
    """Start the training of all folds by two workers."""
    return command(
        "evaluate", "ststnet", "--set", f"training.epochs={epochs}", "--compiled", "never",
        "--workers", "2", "--strategy", "side_by_side", "--manifest", str(manifest),
        "--out", str(manifest.parent.parent / f"{engine}{epochs}"), "--engine", engine,
    )  # fmt: skip


def overhead_mode(out: Path) -> None:
    """Train the folds of 68 subjects by both engines at two lengths, and write the figures."""
    rows, used = [], dict[tuple[str, int], float]()
    with tempfile.TemporaryDirectory() as made:
        manifest = write_flow(Path(made) / "flow")
        train(manifest, 1, "local").communicate()  # so that clips are prepared, for all that follow
        for epochs in LENGTHS:
            for engine in ("local", "dask"):
                process, started = train(manifest, epochs, engine), time.time()
                used[engine, epochs] = processor_seconds(process)
                load = os.getloadavg()[0]
                rows.append(
                    f"| {epochs} | {engine} | {used[engine, epochs]:.0f} | "
                    f"{time.time() - started:.0f} | {load:.0f} |"
                )
                print(rows[-1], flush=True)
    few, many = LENGTHS
    more = {epochs: used["dask", epochs] - used["local", epochs] for epochs in LENGTHS}
    share = (more[many] - more[few]) / (used["local", many] - used["local", few])
    lines = "\n".join(rows)
    out.write_text(
        f"""# What Dask costs on one computer

    python benchmarks/cluster.py --overhead

{processor()}. STSTNet, 68 folds of 442 flow images, two workers with each engine. The processor
time of the command and of all that it starts; wall times are those of a computer with other work,
too.

| epochs | engine | processor s | wall s | load |
|---|---|---|---|---|
{lines}

Dask took {more[few]:.0f} and {more[many]:.0f} processor seconds more:
{100 * more[few] / used["local", few]:.0f} % and {100 * more[many] / used["local", many]:.0f} %. Of
each further second of training it took {100 * share:.1f} % more.
""",
        encoding="utf-8",
    )
    print(out.read_text(encoding="utf-8"))


def main() -> None:
    """Run what is asked for and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--videos", type=int, default=0)
    parser.add_argument("--overhead", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    results = Path(__file__).parent / "results"
    if arguments.videos:
        videos_mode(arguments.videos, arguments.out or results / "cluster_videos.md")
    elif arguments.overhead:
        overhead_mode(arguments.out or results / "cluster_overhead.md")
    else:
        folds_mode(arguments.rounds, arguments.out or results / "cluster.md")


def folds_mode(rounds: int, written: Path) -> None:
    """Kill workers that train folds, and write the figures."""
    rng, killed, twice, again, differ = random.Random(0), 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        manifest = write_corpus(folder / "corpus", "demo")
        own_s = timed(manifest, folder / "own", "local")
        own = {name: content for name, (content, _) in files_of(folder / "own").items()}
        with cluster(folder) as address:
            sent_s = timed(manifest, folder / "sent", f"dask:{address}")
            for number in range(rounds):
                out = folder / f"round{number}"
                found = killed_round(rng, manifest, out, address, sent_s)
                killed, twice, again = killed + found[0], twice + found[1], again + found[2]
                sent = {name: content for name, (content, _) in files_of(out).items()}
                differ += sum(sent.get(name) != content for name, content in own.items())
                print(f"round {number}: killed {found[0]}, again {found[2]}", flush=True)
    written.write_text(
        f"""# Killed workers of a cluster

    python benchmarks/cluster.py --rounds {rounds}

{processor()}; load {os.getloadavg()[0]:.0f} at the end. Scheduler and {WORKERS} workers
as processes on loopback, STSTNet on the synthetic demo corpus, {len(own)}
folds, `{" ".join(COMMAND)}`.

| rounds | workers killed | fold files that differ | folds stored twice | calls made again |
|---|---|---|---|---|
| {rounds} | {killed} | {differ} | {twice} | {again} |

Once without kills: {own_s:.0f} s with two processes of one computer, {sent_s:.0f} s with
{WORKERS} workers on the same {os.cpu_count()} cores.
""",
        encoding="utf-8",
    )
    print(written.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
