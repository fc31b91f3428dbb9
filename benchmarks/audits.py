"""Audit every method of the package, and user models drawn at random: none of them leaks.

    python benchmarks/audits.py                                # all methods, and 20 user models
    python benchmarks/audits.py --method rrmfnet-pt --users 0 --subjects 3 --epochs 4
    python benchmarks/audits.py --method ststnet --users 0 --manifest samples.csv

Each audit runs in a process of its own, on the synthetic corpus `tiny` unless a manifest is given.
A method that searches tries two values of its first key on two groups; one whose weights come from
`openmer pretrain` on images that are not here starts from random ones.
Prints a line for each: the verdict, what was found, how much was tried, processor and other
seconds, and the load of the machine. Writes benchmarks/results/audits.md after each, unless one
method alone is asked for; what is clean there by the same command is not audited again, so the
benchmark goes on where it was stopped (`--again` starts anew). Exit code 1 if one is found to leak.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from machine import processor
from torch import nn

import openmer
from openmer.methods import load_method

RESULTS = Path(__file__).parent / "results" / "audits.md"
HEAD = (
    "| method | verdict | state | processor s | s | load |",
    "| --- | --- | --- | ---: | ---: | ---: |",
)


@dataclass(frozen=True)
class Asked:
    """One audit: what, on which clips, and how much of it."""

    method: str
    clips: str
    subjects: int
    epochs: int
    user: int = -1

    @property
    def name(self) -> str:
        """What stands in the first column."""
        return f"user model {self.user}" if self.user >= 0 else self.method


def main() -> None:
    """Audit all, print a line each, and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--method", action="append", help="Repeatable; all by default.")
    parser.add_argument("--users", type=int, default=20, help="How many random user models.")
    parser.add_argument("--manifest", help="Clips; the synthetic corpus tiny by default.")
    parser.add_argument("--subjects", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="Leave out nothing.")
    given = parser.parse_args()
    command = (
        f"python benchmarks/audits.py --subjects {given.subjects} --epochs {given.epochs} "
        f"--users {given.users}"
    )
    lines = {} if given.method or given.again else _kept(command)
    print(*HEAD, *lines.values(), sep="\n", flush=True)
    with TemporaryDirectory() as folder:
        clips = given.manifest
        if not clips:
            openmer.synthesize(Path(folder) / "tiny", size="tiny", progress=False)
            clips = str(Path(folder) / "tiny" / "manifest.csv")
        for asked in _asked(given, clips):
            if asked.name not in lines:
                lines[asked.name] = _alone(asked)
                print(lines[asked.name], flush=True)
                if not given.method:
                    _write(command, list(lines.values()))
    sys.exit(any("LEAKS" in line or "| not audited |" in line for line in lines.values()))


def _kept(command: str) -> dict[str, str]:
    """Return the lines of the table that the same command has written, by what they are of."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.is_file() else ""
    rows = [line for line in text.splitlines() if line.startswith("| ")][len(HEAD) :]
    if f"`{command}`" not in text:
        return {}
    return {row.split("|")[1].strip(): row for row in rows if "| clean |" in row}


def _write(command: str, lines: list[str]) -> None:
    failed = sum("| not audited |" in line for line in lines)
    leaks = sum("LEAKS" in line for line in lines)
    users = sum(line.startswith("| user model") for line in lines)
    head = (
        f"{processor()}. Seed 0. `{command}`: {leaks} false alarms in {len(lines) - failed} "
        f"audits, of {len(lines) - users} methods and {users} user models; {failed} could not be "
        "made."
    )
    RESULTS.write_text("\n".join([head, "", *HEAD, *lines]) + "\n", encoding="utf-8")


def _asked(given: argparse.Namespace, clips: str) -> Iterator[Asked]:
    for method in given.method or openmer.list_methods():
        yield Asked(method, clips, given.subjects, given.epochs)
    for user in range(given.users):
        yield Asked("flow-mlp", clips, given.subjects, given.epochs, user)


def _alone(asked: Asked) -> str:
    """Audit in a new process, forked from one that has loaded the libraries; return its line."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["openmer.evaluation.audit._audit", "torch", "sklearn.svm"])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_audited, asked).result()


def _audited(asked: Asked) -> str:
    began = time.monotonic()
    overrides = _short(asked.method)
    name = asked.name
    if asked.user >= 0:
        openmer.register_model(f"user_{asked.user}")(user_model(asked.user))
        overrides = (f"model.name=user_{asked.user}",)
    try:
        found = openmer.audit(
            asked.method, asked.clips, overrides=overrides, subjects=asked.subjects,
            epochs=asked.epochs, workers=1, progress=False,
        )  # fmt: skip
    except openmer.OpenMERError as error:
        return f"| {name} | not audited | {str(error)[:80]} | | | |"
    told = "; ".join(f"{one.check}: {one.message[:60]}" for one in found.findings)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    verdict = "clean" if found.clean else f"LEAKS ({told})"
    return (
        f"| {name} | {verdict} | {found.state} | {cpu:.0f} | {time.monotonic() - began:.0f} | "
        f"{os.getloadavg()[0]:.1f} |"
    )


def _short(name: str) -> tuple[str, ...]:
    """Return what makes the audit of a method end in minutes, and needs no files."""
    method, changes = load_method(name), []
    if method.search is not None:
        key, values = next(iter(method.search.space.items()))
        ends = json.dumps([values[0], values[-1]])
        changes.append(f'search={{sampler="grid",inner_folds=2,space={{"{key}"={ends}}}}}')
    if method.model is not None and (method.model.weights or "").startswith("pretrained/"):
        changes.append("model.weights=")
    return tuple(changes)


def user_model(seed: int) -> type[nn.Module]:
    """Return a class of small networks as a user may write one, drawn by a seed."""
    rng = random.Random(seed)
    width, depth = rng.choice((4, 8, 12)), rng.randint(1, 3)
    norm = rng.choice(
        (nn.BatchNorm2d, nn.InstanceNorm2d, lambda n: nn.GroupNorm(2, n), nn.Identity)
    )
    act = rng.choice((nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh))
    pool = rng.choice((nn.MaxPool2d, nn.AvgPool2d))
    drop = rng.choice((0.0, 0.2, 0.5))

    def blocks(channels: int) -> Iterator[nn.Module]:
        for _ in range(depth):
            yield from (nn.Conv2d(channels, width, 3, padding=1), norm(width), act(), pool(2))
            channels = width

    return _class_of(seed, blocks, width, drop)


def _class_of(
    seed: int, blocks: Callable[[int], Iterator[nn.Module]], width: int, drop: float
) -> type[nn.Module]:
    class UserModel(nn.Module):
        """Blocks, the mean over the picture, and a linear layer."""

        def __init__(self, *, in_channels: int = 3, num_classes: int = 3, size: int = 28) -> None:
            super().__init__()
            self.size = size
            self.body = nn.Sequential(*blocks(in_channels), nn.Dropout(drop))
            self.head = nn.Linear(width, num_classes)

        def forward(self, flow: object) -> object:
            return self.head(self.body(flow).mean(dim=(-2, -1)))

    UserModel.__qualname__ = f"UserModel{seed}"
    return UserModel


if __name__ == "__main__":
    main()
