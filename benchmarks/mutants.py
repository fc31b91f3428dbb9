"""Change one token of the code that must be right, and count how often a test notices.

    python benchmarks/mutants.py                       # 60 mutants of every target
    python benchmarks/mutants.py --target metrics --sample 0    # all mutants of one target
    python benchmarks/mutants.py --target audit --write benchmarks/results/mutants.md

A mutant is a module with one change: a comparison or an operator replaced, a number one higher, a
condition turned round, a call or a result left out. Texts of errors, docstrings, type hints and
the `strict` of `zip` stay. It is killed if the tests of its module fail or take too long. Mutants
that survive are listed: each is a missing test, or a change that makes no difference, which
mutants_equivalent.toml names with its reason. A table that is written keeps its other rows.
Needs Linux or macOS, and the packages of the tests.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutant_changes import SOURCE, Mutant, mutants_of
from mutant_runs import SURVIVED, try_all

EQUIVALENT = Path(__file__).with_name("mutants_equivalent.toml")
LOADED = (
    "pytest",
    "cv2",
    "numpy",
    "scipy.fft",
    "scipy.ndimage",
    "scipy.stats",
    "sklearn.metrics",
    "pyarrow.parquet",
    "pydantic",
    "hypothesis",
    "torch",
)


@dataclass(frozen=True)
class Target:
    """A module and the tests that must notice a change in it, both below the repository."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


TARGETS = {
    "metrics": Target(
        ("openmer.evaluation._metrics",),
        ("tests/evaluation/test_metrics.py", "tests/evaluation/test_statistics.py"),
    ),
    "bootstrap": Target(
        ("openmer.evaluation._bootstrap",),
        ("tests/evaluation/test_statistics.py", "tests/reproduction/test_differences.py"),
    ),
    "splits": Target(("openmer.evaluation._splits",), ("tests/evaluation/test_splits.py",)),
    "files": Target(("openmer.files",), ("tests/test_files.py",)),
    "audit": Target(
        (
            "openmer.evaluation.audit._audit",
            "openmer.evaluation.audit._checks",
            "openmer.evaluation.audit._finding",
            "openmer.evaluation.audit._poison",
            "openmer.evaluation.audit._scores",
            "openmer.evaluation.audit._trainings",
        ),
        ("tests/evaluation/audit/test_audit.py", "tests/evaluation/audit/test_stamp.py"),
    ),
    "audit, clips alike": Target(
        (
            "openmer.evaluation.audit._answers",
            "openmer.evaluation.audit._duplicates",
            "openmer.evaluation.audit._mixtures",
            "openmer.evaluation.audit._pretraining_pictures",
        ),
        (
            "tests/evaluation/audit/test_mixtures.py",
            "tests/evaluation/audit/test_answers.py",
            "tests/evaluation/audit/test_pretraining_pictures.py",
            "tests/evaluation/audit/test_duplicates.py",
        ),
    ),
    "audit, record": Target(
        (
            "openmer.evaluation.audit._hook",
            "openmer.evaluation.audit._libraries",
            "openmer.evaluation.audit._own_code",
            "openmer.evaluation.audit._recording",
            "openmer.evaluation.audit._steps",
        ),
        (
            "tests/evaluation/audit/test_steps.py",
            "tests/evaluation/audit/test_answers.py",
            "tests/evaluation/audit/test_recording.py",
        ),
    ),
    "copies": Target(
        ("openmer.evaluation.audit._copies", "openmer.evaluation.audit._pictures"),
        (
            "tests/evaluation/audit/test_copies_laws.py",
            "tests/evaluation/audit/test_copies.py",
        ),
    ),
    "published results": Target(
        (
            "openmer.evaluation.audit._results",
            "openmer.evaluation.audit._results_arrays",
            "openmer.evaluation.audit._results_cells",
            "openmer.evaluation.audit._results_claims",
            "openmer.evaluation.audit._results_files",
            "openmer.evaluation.audit._results_table",
        ),
        (
            "tests/evaluation/audit/test_results_claims.py",
            "tests/evaluation/audit/test_results_files.py",
            "tests/evaluation/audit/test_results.py",
            "tests/contracts/test_leaks.py::test_published_results_that_are_wrong_are_caught_and_"
            "corrected",
        ),
    ),
}


def equivalent_ones(mutants: Sequence[Mutant]) -> set[Mutant]:
    """Return those of the mutants that the list of equivalent ones names."""
    named = {(one["module"], one["code"], one["change"]) for one in _listed()}
    return {
        mutant
        for mutant in mutants
        if (mutant.module.removeprefix("openmer."), mutant.code, mutant.change) in named
    }


def _listed() -> list[dict[str, str]]:
    listed: list[dict[str, str]] = tomllib.loads(EQUIVALENT.read_text("utf-8"))["equivalent"]
    return listed


def row_of(name: str, found: Mapping[Mutant, str], chosen: str) -> str:
    """Write a target's row of the table; a survivor is named by module, line and change.

    Raises:
        SystemExit: A mutant that is listed as equivalent was killed.
    """
    alive = [mutant for mutant, end in found.items() if end == SURVIVED]
    same = equivalent_ones(list(found))
    if wrong := same - set(alive):
        raise SystemExit(f"Listed as equivalent, but killed: {', '.join(map(str, wrong))}")
    killed, other = len(found) - len(alive), len(found) - len(same)
    named = [str(one).removeprefix("openmer.") for one in alive if one not in same]
    texts = "<br>".join(f"`{one}`".replace("|", "\\|") for one in named) or "none"
    shares = f"{killed / len(found):.1%} | {len(same)} | {killed / other:.1%}"
    return f"| {name} | {chosen} | {killed} | {shares} | {texts} |"


def write_table(path: Path, rows: Sequence[str]) -> None:
    """Write the rows of some targets; rows of others and of other samples stay."""
    old = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    own = {tuple(line.split(" | ")[:2]): line for line in [*old, *rows]}
    kept = [line for name in TARGETS for key, line in sorted(own.items()) if key[0] == f"| {name}"]
    head = (
        "# Mutants",
        "",
        "`python benchmarks/mutants.py` changes one token at a time; the bar is 95 % killed. Some",
        "changes make no difference: judged by hand, they are left out of the second share.",
        "",
        "| target | mutants | killed | share | equivalent | share of the others | survivors |",
        "|---|---|---|---|---|---|---|",
    )
    tail = ["", "Equivalent mutants:", ""]
    tail += [
        f"- `{one['module']}`, `{one['code']}`, `{one['change']}`: {one['reason']}"
        for one in _listed()
    ]
    path.write_text("\n".join([*head, *kept, *tail]) + "\n", encoding="utf-8")


def main() -> None:
    """Count the killed mutants of every target and list the others."""
    parser = argparse.ArgumentParser(description="Count mutants that the tests kill.")
    parser.add_argument("--target", choices=TARGETS, action="append")
    parser.add_argument("--sample", type=int, default=60, help="Mutants of a target; 0 is all.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", type=Path, help="The table, Markdown.")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.path[:0] = [str(SOURCE.parent), str(SOURCE)]
    for name in LOADED:
        importlib.import_module(name)
    for name in given.target or TARGETS:
        target = TARGETS[name]
        every = [mutant for module in target.modules for mutant in mutants_of(module)]
        rng = random.Random(given.seed)
        chosen = rng.sample(every, given.sample) if 0 < given.sample < len(every) else every
        found = try_all(target.tests, chosen, given.jobs)
        told = f"{len(chosen)} of {len(every)}, seed {given.seed}"
        row = row_of(name, found, f"all {len(every)}" if len(chosen) == len(every) else told)
        print(row, flush=True)
        if given.write:
            write_table(given.write, [row])


if __name__ == "__main__":
    main()
