"""Make an environment by each documented line; measure minutes and megabytes; walk two ways in it.

    python benchmarks/install_size.py                                # every environment
    python benchmarks/install_size.py cpu uv --torch 'torch==2.13.0+cpu torchvision==0.28.0'

The lines are those of `docs/how-to/install.md`. The wheels of this checkout take the place of the
package index; all else comes from the index, or from the cache of pip where that has it, so that a
second run has the minutes of a warm index. Where the index of PyTorch cannot be reached, `--torch`
gives what to install in place of its line, and the table says so. Name torchvision, too: else the
next line brings the newest, and with it another PyTorch. The disk counts every file of the
environment once, after its commands have run. With PyTorch for the CPU, the two ways of a newcomer
are walked: a video to its report, and a table of clips to its scores.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from machine import processor

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
MEGABYTE = 1e6
SHOWN = 6
CPU = "pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu"
ALL = 'pip install "openmer[torch,weights]"'
UV_CPU = "uv pip install torch torchvision --torch-backend cpu"
UV_ALL = 'uv pip install "openmer[torch,weights]"'
VIDEO = "openmer analyze interview.mp4"
CHECK = "openmer datasets check clips.csv"
TABLE = "openmer evaluate flow-svm --manifest clips.csv"


class Environment(NamedTuple):
    """A documented environment: how it is made, and what is then done in it."""

    title: str
    lines: list[str]
    commands: list[str]


ENVIRONMENTS = {
    "bare": Environment("No PyTorch", ["pip install openmer"], [CHECK]),
    "cpu": Environment("PyTorch for the CPU", [CPU, ALL], [VIDEO, TABLE]),
    "uv": Environment("PyTorch for the CPU, by uv", [UV_CPU, UV_ALL], [VIDEO, TABLE]),
    "plain": Environment("PyTorch of the package index", [ALL], [VIDEO, TABLE]),
}
WAYS = {"a video to its report": [VIDEO], "a table of clips to its scores": [TABLE]}
SIZES = """
import importlib.metadata as metadata
for one in metadata.distributions():
    paths = [one.locate_file(file) for file in one.files or ()]
    print(sum(path.stat().st_size for path in paths if path.is_file()), one.metadata["Name"])
"""
OWN_DATA = """
from pathlib import Path
from openmer.datasets import write_corpus, write_long
write_long(Path("films"), "tiny")
Path("films/video01.mp4").replace("interview.mp4")
write_corpus(Path("corpus"), "tiny").replace("corpus/clips.csv")
for path in Path("corpus").iterdir():
    path.replace(path.name)
"""


class Seconds(NamedTuple):
    """What a line took: by the clock, and of the processors."""

    passed: float
    worked: float


class Bench:
    """A folder in which one environment at a time stands, beside wheels of the checkout.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        copies = f"{folder}/source"
        skip = shutil.ignore_patterns(".git", "__pycache__", "build", "dist")
        shutil.copytree(ROOT, copies, ignore=skip)
        wheel = f"{sys.executable} -m pip wheel --no-deps -w wheels source source/packages/weights"
        self.run(wheel.replace(" source", " ./source"))
        (folder / "make.py").write_text(OWN_DATA, encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        subprocess.run([sys.executable, "make.py"], cwd=folder, env=environment, check=True)

    def run(self, command: str) -> Seconds:
        """Run a line in the environment; return what it took. Stop where it fails."""
        links = [str(self.folder / "wheels"), *os.environ.get("PIP_FIND_LINKS", "").split()]
        environment = os.environ | {
            "PIP_FIND_LINKS": " ".join(links),
            "UV_FIND_LINKS": ",".join(links),
            "VIRTUAL_ENV": str(self.folder / ".venv"),
            "PATH": f"{self.folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "OPENMER_CACHE": str(self.folder / "cache"),
            "OPENMER_DATA": str(self.folder / "data"),
        }
        environment.pop("PYTHONPATH", None)
        print(f"$ {command}", flush=True)
        began, worked = time.perf_counter(), children()
        done = subprocess.run(
            command, shell=True, cwd=self.folder, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return Seconds(time.perf_counter() - began, children() - worked)

    def measure(self, name: str, torch: str | None) -> dict[str, Any]:
        """Make an environment, work in it, remove it; return what that took."""
        title, lines, commands = ENVIRONMENTS[name]
        self.run(f"{sys.executable} -m venv .venv")
        took = {}
        for line in lines:
            installer = line.partition("pip")[0] + "pip install"
            given = f"{installer} {torch}" if torch and line in (CPU, UV_CPU) else line
            took[given] = self.run(given)
        installed = [sum(times) for times in zip(*took.values(), strict=True)]
        for command in commands:
            took[command] = self.run(command)
        result = {
            "title": title,
            "python": f"{platform.python_version()}, {platform.system()}",
            "megabytes": size(self.folder / ".venv"),
            "minutes": installed[0] / 60,
            "worked": installed[1] / 60,
            "load": os.getloadavg()[0],
            "largest": self.largest(),
            "seconds": took,
        }
        for path in (".venv", "analysis", "runs", "cache", "data"):
            shutil.rmtree(self.folder / path, ignore_errors=True)
        return result

    def largest(self) -> dict[str, float]:
        """Return the largest packages of the environment with their megabytes."""
        python = self.folder / ".venv" / "bin" / "python"
        done = subprocess.run([python, "-c", SIZES], capture_output=True, text=True, check=True)
        sizes = [line.split() for line in done.stdout.splitlines()]
        sizes.sort(key=lambda pair: -int(pair[0]))
        return {name: int(taken) / MEGABYTE for taken, name in sizes[:SHOWN]}


def children() -> float:
    """Return the processor seconds of every process that this one started and that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def size(folder: Path) -> float:
    """Return the megabytes of every file below a folder; links count nothing."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in found) / MEGABYTE


def table(results: list[dict[str, Any]]) -> str:
    """Return the page: a table of environments, the packages in them, and the two ways."""
    lines = [
        "# Installing\n",
        f"`python benchmarks/install_size.py` on {processor()}. Wheels of the checkout stand for "
        "the package index.\n",
        "| Environment | MB on the disk | Minutes | of which a processor worked | Load at the end "
        "| Python | The largest, MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in results:
        largest = ", ".join(f"{name} {taken:,.0f}" for name, taken in one["largest"].items())
        numbers = f"{one['megabytes']:,.0f} | {one['minutes']:.1f} | {one['worked']:.1f}"
        numbers += f" | {one['load']:.0f}"
        lines.append(f"| {one['title']} | {numbers} | {one['python']} | {largest} |")
    for one in results:
        lines += [f"\n## {one['title']}\n", "| Line | Seconds | of which a processor worked |"]
        lines += ["| --- | --- | --- |"]
        for line, (passed, worked) in one["seconds"].items():
            lines.append(f"| `{line}` | {passed:.0f} | {worked:.0f} |")
        for way, commands in WAYS.items():
            if set(commands) <= set(one["seconds"]):
                walked = [*(line for line in one["seconds"] if "pip install" in line), *commands]
                minutes = sum(one["seconds"][line].passed for line in walked) / 60
                lines.append(
                    f"\nFrom the page of the index, {way}: {len(walked) + 1} commands with the one "
                    f"that makes the environment, {minutes:.1f} minutes."
                )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure the named environments, or all; print the page and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=[*ENVIRONMENTS], metavar="|".join(ENVIRONMENTS))
    parser.add_argument("--torch", help="what to install in place of PyTorch's own index line")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for name in given.names:
            page = table([bench.measure(name, given.torch)])
            print(page)
            (RESULTS / f"install_{name}.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
