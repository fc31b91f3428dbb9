"""Kill commands with all their processes at random moments; count what is lost and what remains.

    python benchmarks/kills.py --kills 100 --out benchmarks/results/kills.md
    python benchmarks/kills.py --kills 20 --signal TERM    # nothing may be said of leaked files

Tiny synthetic work of five commands: evaluate, search, study, pretrain, analyze, with two worker
processes each where they have any. A command is killed (SIGKILL to its process group) some times
in the same folder, each time at a moment drawn from its whole length, and then runs to its end.

* **Lost**: a result that was there after a kill and is not there in the end; a result that differs
  from that of a run without a kill; or a command that does not go on.
* **Remains**: whatever dead processes left when the last run has ended: files beside those of a run
  without a kill, temporary files, folders and locks in ``/dev/shm``.

Every command is a fork of this process, which has loaded the libraries, so that most of its time is
work. Its workers load them anew, as they do for a user; with --forked they do not, which is faster,
but then joblib makes no locks that could remain. Needs Linux and the packages of the tests.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import numpy as np
from joblib.externals.loky.backend.context import set_start_method
from machine import processor
from PIL import Image

MEMORY = Path("/dev/shm")
SEARCH = """
[search]
inner_folds = 2
[search.space]
training.batch_size = [4, 8]
training.learning_rate = [1e-3, 1e-2]
"""
STUDY = """
title = "Two sizes of steps"
kind = "scores"
source = "ours"
method = "flow-mlp"
parts = ["full"]
[[rows]]
label = "small"
set = ["training.learning_rate=1e-3"]
[[rows]]
label = "large"
set = ["training.learning_rate=1e-2"]
"""
LOADED = (  # by this process, before it forks
    "matplotlib.figure", "openmer.cli._app", "openmer.pretraining._run",
    "openmer.training._parallel", "openmer.video._jobs", "pandas", "pyarrow.parquet",
    "sklearn.svm", "tomli_w",
)  # fmt: skip
QUICK = ("--workers", "2", "--device", "cpu")
PRETRAIN = (
    "--device", "cpu", "--threads", "1", "--set", "model.parameters.depth=1", "--set",
    "pretraining.size=32", "--set", "pretraining.batch_size=4", "--set",
    "pretraining.validation=0.5", "--set", "pretraining.stages=[{epochs=3, learning_rate=1e-3}]",
)  # fmt: skip


@dataclass(frozen=True)
class Command:
    """A command, and which of its files must be the same after kills.

    Attributes:
        name: Of the command.
        arguments: All but the folder of its results, which is the current one.
        results: Patterns of files whose bytes do not depend on when they were made.
    """

    name: str
    arguments: tuple[str, ...]
    results: tuple[str, ...]


@dataclass
class Tally:
    """What happened to one command."""

    runs: int = 0
    kills: int = 0
    lost: list[str] = field(default_factory=list)
    remains: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


@dataclass
class Plan:
    """How commands are killed."""

    rng: random.Random
    signal: int
    each: int
    seconds: dict[str, float]
    is_kept: bool


def commands(given: Path) -> list[Command]:
    """Make the inputs of all commands; list them."""
    rng = np.random.default_rng(0)
    rows = ["corpus,subject,clip,label,flow_path"]
    for i in range(18):
        Image.fromarray(rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)).save(given / f"{i}.png")
        rows.append(f"smic,s{i % 6},c{i},{('negative', 'positive', 'surprise')[i % 3]},{i}.png")
    (given / "clips.csv").write_text("\n".join(rows))
    (given / "search.toml").write_text(SEARCH)
    (given / "sizes.toml").write_text(STUDY)
    from openmer.datasets.fakes import write_fake

    fer = write_fake("fer2013", given / "fer2013")
    films = [str(film(given / f"{name}.mp4", number)) for number, name in enumerate("ab", 1)]
    clips = ("--manifest", str(given / "clips.csv"), *QUICK, "--set", "training.epochs=6")
    tried = ("--search", str(given / "search.toml"))
    return [
        Command("evaluate", ("evaluate", "flow-mlp", *clips), ("**/*.parquet",)),
        Command(
            "search",
            ("search", "flow-mlp", *clips, *tried, "--out", "best.toml"),
            ("best.toml",),
        ),
        Command(
            "study",
            ("study", str(given / "sizes.toml"), *clips),
            ("**/*.parquet", "**/studies/*.md"),
        ),
        Command(
            "pretrain",
            ("pretrain", "efficient-me", *PRETRAIN, "--root", f"fer2013={fer}"),
            ("**/*.safetensors", "**/history.csv"),
        ),
        Command(
            "analyze",
            ("analyze", *films, "--out", "out", "--workers", "2"),
            ("out/*/events.csv", "out/*/*.mp4"),
        ),
    ]


def film(path: Path, number: int) -> Path:
    """Write a video of two seconds in which a synthetic face moves."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from tests.video.made_videos import write_event

    return Path(write_event(path, still=8, subject_id=number))


def start(command: Command, folder: Path) -> int:
    """Start a command in a process group of its own, with all its files in a folder."""
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        _run(command, folder)
    return pid


def _run(command: Command, folder: Path) -> NoReturn:
    """Run a command in this fork, and end."""
    os.setsid()
    for part in ("results", "tmp"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    os.chdir(folder / "results")
    os.environ |= {"OPENMER_CACHE": str(folder / "cache"), "TMPDIR": str(folder / "tmp")}
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "compiled")
    tempfile.tempdir = None
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["openmer", *command.arguments]
    from openmer.cli import main

    main()
    sys.exit()  # out of this program too: the end of an interpreter is a part of the command


def wait(pid: int, seconds: float) -> int | None:
    """Wait for a process; None where it goes on for longer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    return None


def listing(folder: Path) -> dict[str, str]:
    """Every file below a folder, with a digest of its bytes; folders that are empty, too."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif not any(path.iterdir()):
            found[f"{name}/"] = ""
    return found


def matching(folder: Path, patterns: Iterable[str]) -> dict[str, str]:
    """Digests of the results that must be the same."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for pattern in patterns
        for path in folder.glob(pattern)
    }


def in_memory(pids: Sequence[int]) -> Iterator[str]:
    """Name what processes left in shared memory."""
    for entry in MEMORY.iterdir():
        numbers = set(map(int, re.findall(r"\d+", entry.name)))
        if numbers & set(pids):
            yield f"{MEMORY}/{entry.name}"


def is_temporary(name: str) -> bool:
    """Whether a name is not of a finished file."""
    return any(part.endswith((".tmp", ".old", ".partial")) for part in Path(name).parts)


def attack(
    command: Command, folder: Path, reference: dict[str, str], whole: Tally, plan: Plan
) -> None:
    """Kill a command some times in one folder, let it end, and look at what is there."""
    results, pids, kept = folder / "results", [], {}
    for _ in range(plan.each):
        pid = start(command, folder)
        pids.append(pid)
        whole.runs += 1
        ended = wait(pid, plan.rng.uniform(0, plan.seconds[command.name]))
        if ended is not None:
            break
        os.killpg(pid, plan.signal)
        wait(pid, 60)
        whole.kills += 1
        kept |= {name: "" for name in listing(results) if not is_temporary(name)}
    pid = start(command, folder)
    pids.append(pid)
    whole.runs += 1
    code = wait(pid, 600)
    if code not in (0, 5):
        whole.lost.append(f"{command.name}: ends with {code}")
    now = listing(results)
    lost = [name for name in kept if name.rstrip("/") not in now and not (results / name).exists()]
    whole.lost += [f"{command.name}: {name} is gone" for name in lost]
    differs = {k for k, v in matching(results, command.results).items() ^ reference.items()}
    whole.lost += [f"{command.name}: {name} differs" for name in sorted(differs)]
    left = [name for name in now if is_temporary(name)]
    left += [f"tmp/{name}" for name in listing(folder / "tmp")]
    left += [f"cache/{name}" for name in listing(folder / "cache") if is_temporary(name)]
    whole.remains += [f"{command.name}: {name}" for name in (*left, *in_memory(pids))]
    log = (folder / "log").read_text(errors="replace")
    whole.said += [line for line in log.splitlines() if "leaked" in line or "Traceback" in line]
    if plan.is_kept:
        return
    shutil.rmtree(folder)


def measure(every: Sequence[Command], work: Path) -> tuple[dict[str, float], dict[str, dict]]:
    """Run each command once without a kill: how long it takes, and its results."""
    seconds, references = {}, {}
    for command in every:
        folder, began = work / f"{command.name}-whole", time.monotonic()
        code = wait(start(command, folder), 900)
        if code not in (0, 5):
            sys.exit(f"{command.name} ends with {code}: {(folder / 'log').read_text()[-2000:]}")
        seconds[command.name] = time.monotonic() - began
        references[command.name] = matching(folder / "results", command.results)
        print(f"{command.name}: {seconds[command.name]:.1f} s", flush=True)
    return seconds, references


def table(tallies: dict[str, Tally], plan: Plan, *, forked: bool) -> str:
    """Write what happened as Markdown."""
    name = signal.Signals(plan.signal).name
    lines = [
        f"{name} to the process group, {plan.each} times in one folder, then a run to the end.",
        f"{processor()}." + " Workers were forked, without locks that have names." * forked,
        "",
        "| command | runs | killed | lost | remains |",
        "|---|---|---|---|---|",
    ]
    for command, tally in tallies.items():
        counts = (tally.runs, tally.kills, len(tally.lost), len(tally.remains))
        lines.append(f"| `openmer {command}` | {' | '.join(map(str, counts))} |")
    total: Callable[[str], int] = lambda key: sum(  # noqa: E731
        value if isinstance(value := getattr(tally, key), int) else len(value)
        for tally in tallies.values()
    )
    counts = " | ".join(str(total(key)) for key in ("runs", "kills", "lost", "remains"))
    return "\n".join([*lines, f"| all | {counts} |", ""])


def main() -> None:
    """Measure, attack, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100, help="of all commands together")
    parser.add_argument("--each", type=int, default=4, help="kills in one folder before it ends")
    parser.add_argument("--signal", choices=["KILL", "TERM"], default="KILL")
    parser.add_argument("--only", action="append", help="a command; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--forked", action="store_true", help="fork workers: no locks with names")
    parser.add_argument("--keep", action="store_true", help="keep the folders of the attacks")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    for name in LOADED:
        import_module(name)
    if asked.forked:
        set_start_method("fork", force=True)

    work = Path(tempfile.mkdtemp(prefix="kills-"))
    (work / "given").mkdir()
    every = [one for one in commands(work / "given") if not asked.only or one.name in asked.only]
    seconds, references = measure(every, work)
    number = getattr(signal, f"SIG{asked.signal}")
    plan = Plan(random.Random(asked.seed), number, asked.each, seconds, asked.keep)
    tallies = {command.name: Tally() for command in every}
    rounds = 0
    while sum(tally.kills for tally in tallies.values()) < asked.kills:
        command = every[rounds % len(every)]
        tally, folder = tallies[command.name], work / f"{command.name}-{rounds}"
        attack(command, folder, references[command.name], tally, plan)
        rounds += 1
        print(f"{rounds}: {command.name}, {tally}", flush=True)
    text = table(tallies, plan, forked=asked.forked)
    print(text)
    if asked.out:
        asked.out.write_text(f"# Kills at random moments\n\n    {Path(sys.argv[0]).name}\n\n{text}")
    if not asked.keep:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
