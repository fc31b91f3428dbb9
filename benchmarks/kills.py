"""Kill commands with all their processes at random moments; count what is lost and what remains.

    python benchmarks/kills.py --kills 100 --out benchmarks/results/kills.md
    python benchmarks/kills.py --kills 20 --signal TERM    # nothing may be said of leaked files

In parts, at the same time or one after the other, each with a seed of its own; every folder that
has run to its end is a row of the file, and the last line makes one table of all rows:

    python benchmarks/kills.py --only evaluate --only study --kills 40 --seed 1 --rows kills.csv
    python benchmarks/kills.py --only pretrain --kills 20 --seed 2 --rows kills.csv
    python benchmarks/kills.py --kills 0 --rows kills.csv --out benchmarks/results/kills.md

Tiny synthetic work of five commands: evaluate, search, study, pretrain, analyze, with two worker
processes each where they have any. A command is killed (SIGKILL to its process group) some times
in the same folder, each time when it has used a part of its processor time that is drawn anew, and
then runs to its end.

* **Lost**: a result that was there after a kill and is not there in the end; a result that differs
  from that of a run without a kill; or a command that does not go on.
* **Remains**: whatever dead processes left when the last run has ended: files beside those of a run
  without a kill, temporary files, folders and locks in ``/dev/shm``.

Every command is a fork of this process, which has loaded the libraries, so that most of its time is
work. Its workers load them anew, as they do for a user; with --forked they do not, which is faster,
but then joblib makes no locks that could remain, and `analyze` may wait for ever. Needs Linux and
the packages of the tests.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import math
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import numpy as np
from joblib.externals.loky.backend.context import set_start_method
from machine import processor
from PIL import Image

MEMORY = Path("/dev/shm")
LONGEST_S = 1800.0  # of a command, on a busy machine
COLUMNS = ("command", "seed", "workers", "seconds", "runs", "killed", "lost", "remains")
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
    "sklearn.svm", "tomli_w", "torch._dynamo", "torch.utils.flop_counter",
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
    seed: int
    signal: int
    each: int
    seconds: dict[str, float]
    is_kept: bool


def make_inputs(given: Path) -> None:
    """Make the inputs of all commands in a fork, for libraries must start no threads here."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    rng = np.random.default_rng(0)
    rows = ["corpus,subject,clip,label,flow_path"]
    for i in range(18):
        Image.fromarray(rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)).save(given / f"{i}.png")
        rows.append(f"smic,s{i // 6},c{i},{('negative', 'positive', 'surprise')[i % 3]},{i}.png")
    (given / "clips.csv").write_text("\n".join(rows))
    (given / "search.toml").write_text(SEARCH)
    (given / "sizes.toml").write_text(STUDY)
    from openmer.datasets.fakes import write_fake

    write_fake("fer2013", given / "fer2013")
    for number, name in enumerate("ab", 1):
        film(given / f"{name}.mp4", number)
    os._exit(0)


def commands(given: Path) -> list[Command]:
    """List the commands."""
    films = [str(given / f"{name}.mp4") for name in "ab"]
    clips = ("--manifest", str(given / "clips.csv"), *QUICK, "--set", "training.epochs=3")
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
            ("pretrain", "efficient-me", *PRETRAIN, "--root", f"fer2013={given / 'fer2013'}"),
            ("**/*.safetensors", "**/history.csv"),
        ),
        Command(
            "analyze",
            ("analyze", *films, "--out", "out", "--workers", "2"),
            ("out/*/events.csv", "out/*/*.mp4"),
        ),
    ]


def film(path: Path, number: int) -> None:
    """Write a video of two seconds in which a synthetic face moves."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from tests.video.made_videos import write_event

    write_event(path, still=24, subject_id=number)


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


def wait(pid: int, seconds: float, work_s: float = math.inf) -> tuple[int | None, float]:
    """Wait for a process.

    Args:
        pid: The process, and its group.
        seconds: How long at most.
        work_s: How many seconds of a processor the group may use at most.

    Returns:
        Its exit code, None where it goes on; and what the group was seen to use.
    """
    end, used = time.monotonic() + seconds, 0.0
    while time.monotonic() < end and used < work_s:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status), used
        used = max(used, used_s(pid))
        time.sleep(0.02)
    return None, used


def used_s(group: int) -> float:
    """Add up what the processes of a group, and those that they waited for, used of a processor."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15])) if int(fields[2]) == group else 0
    return ticks / os.sysconf("SC_CLK_TCK")


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
    results, pids, kept, code = folder / "results", [], {}, None
    for kill in range(plan.each + 1):
        pid = start(command, folder)
        pids.append(pid)
        whole.runs += 1
        work_s = plan.rng.uniform(0, plan.seconds[command.name]) if kill < plan.each else math.inf
        code, _ = wait(pid, LONGEST_S, work_s)
        if code is not None or kill == plan.each:
            break
        os.killpg(pid, plan.signal)
        wait(pid, 60)
        whole.kills += 1
        kept |= {name: "" for name in listing(results) if not is_temporary(name)}
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
    if not (plan.is_kept or whole.lost or whole.remains):
        shutil.rmtree(folder)


def measure(every: Sequence[Command], work: Path) -> tuple[dict[str, float], dict[str, dict]]:
    """Run each command once without a kill: the time of a processor it uses, and its results."""
    seconds, references = {}, {}
    for command in every:
        folder = work / f"{command.name}-whole"
        code, seconds[command.name] = wait(start(command, folder), LONGEST_S)
        if code not in (0, 5):
            sys.exit(f"{command.name} ends with {code}: {(folder / 'log').read_text()[-2000:]}")
        references[command.name] = matching(folder / "results", command.results)
        print(f"{command.name}: {seconds[command.name]:.1f} s", flush=True)
        shutil.rmtree(folder)
    return seconds, references


def keep_row(path: Path, command: Command, whole: Tally, plan: Plan, workers: str) -> None:
    """Append what happened in one folder to a file that other parts may write, too."""
    seconds = round(plan.seconds[command.name], 1)
    cells = (whole.runs, whole.kills, " | ".join(whole.lost), " | ".join(whole.remains))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if not path.exists():
        writer.writerow(COLUMNS)
    writer.writerow((command.name, plan.seed, workers, seconds, *cells))
    with path.open("a", encoding="utf-8") as file:
        file.write(text.getvalue())  # in one piece


def table(path: Path, name: str) -> str:
    """Write the rows of all parts as Markdown, one line for each command."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    seeds = ", ".join(sorted({row["seed"] for row in rows}, key=int))
    lines = [
        f"{name} to the process group, some times in one folder, then a run to the end.",
        f"Seeds {seeds}. {processor()}, shared with other work; seconds are what a run",
        "without a kill uses of a processor. Forked workers have no locks with names.",
        "",
        "| command | workers | seconds | folders | runs | killed | lost | remains |",
        "|---|---|---|---|---|---|---|---|",
    ]
    kinds = dict.fromkeys((row["command"], row["workers"]) for row in rows)
    for command, workers in kinds:
        own = [row for row in rows if (row["command"], row["workers"]) == (command, workers)]
        took = sorted({float(row["seconds"]) for row in own})
        span = f"{took[0]:.0f}" if took[0] == took[-1] else f"{took[0]:.0f} to {took[-1]:.0f}"
        lines.append(f"| `openmer {command}` | {workers} | {span} | {_counts(own)} |")
    return "\n".join([*lines, f"| all | | | {_counts(rows)} |", ""])


def _counts(rows: Sequence[dict[str, str]]) -> str:
    """Sum rows up as the last cells of a line."""
    sums = [len(rows), *(sum(int(row[key]) for row in rows) for key in ("runs", "killed"))]
    for key in ("lost", "remains"):
        sums.append(sum(len(list(filter(None, row[key].split(" | ")))) for row in rows))
    return " | ".join(map(str, sums))


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
    parser.add_argument("--rows", type=Path, help="append what happened in each folder; see above")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep folders where nothing was lost, too",
    )
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="kills-"))
    asked.rows = asked.rows or work / "kills.csv"
    if asked.kills:
        kill(asked, work)
    text = table(asked.rows, f"SIG{asked.signal}")
    print(text)
    if asked.out:
        asked.out.write_text(f"# Kills at random moments\n\n{text}")
    if not asked.keep:
        shutil.rmtree(work / "given", ignore_errors=True)
        with suppress(OSError):  # folders of what was lost stay
            work.rmdir()


def kill(asked: argparse.Namespace, work: Path) -> None:
    """Measure the commands, then attack one after the other until there were enough kills."""
    for name in LOADED:
        import_module(name)
    if asked.forked:
        set_start_method("fork", force=True)
    (work / "given").mkdir()
    make_inputs(work / "given")
    every = [one for one in commands(work / "given") if not asked.only or one.name in asked.only]
    seconds, references = measure(every, work)
    number = getattr(signal, f"SIG{asked.signal}")
    plan = Plan(random.Random(asked.seed), asked.seed, number, asked.each, seconds, asked.keep)
    rounds = kills = 0
    while kills < asked.kills:
        command = every[rounds % len(every)]
        tally, folder = Tally(), work / f"{command.name}-{rounds}"
        attack(command, folder, references[command.name], tally, plan)
        keep_row(asked.rows, command, tally, plan, "forked" if asked.forked else "started anew")
        rounds, kills = rounds + 1, kills + tally.kills
        print(f"{rounds}: {command.name}, {kills} kills, {tally}", flush=True)


if __name__ == "__main__":
    main()
