"""Change one token of the code that must be right, and count how often a test notices.

    python benchmarks/mutants.py                       # 60 mutants of every target
    python benchmarks/mutants.py --target metrics --sample 0    # all mutants of one target
    python benchmarks/mutants.py --target audit --write benchmarks/results/mutants.md

A mutant is a module with one change: a comparison or an operator replaced, a number one higher, a
condition turned round, a call or a result left out. Texts of errors, docstrings and type hints
stay. It is killed if the tests of its module fail or take too long. Mutants that survive are
listed: each is a missing test, or a change that makes no difference. Every mutant is a copy of the
package, so that the processes which a test starts have it too, and runs in a forked process that
has loaded the libraries already. A table that is written keeps its rows of other targets.
Needs Linux or macOS, and the packages of the tests.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
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
SURVIVED, KILLED, TIMEOUT = "survived", "killed", "too slow"
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


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
        ("openmer.evaluation._bootstrap",), ("tests/evaluation/test_statistics.py",)
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


@dataclass(frozen=True)
class Mutant:
    """One change: where it stands, what it does, and the changed source."""

    module: str
    line: int
    change: str
    source: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.change}"


def skipped_parts(tree: ast.Module) -> set[int]:
    """Return the ids of all nodes that are not changed: errors, annotations, decorators."""
    found: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
            parts = [node]
        elif isinstance(node, ast.AnnAssign | ast.arg):
            parts = [node.annotation]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts = [node.returns, *node.decorator_list]
        elif isinstance(node, ast.ClassDef):
            parts = [*node.decorator_list]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            parts = [node]
        found |= {id(inner) for part in parts if part is not None for inner in ast.walk(part)}
    return found


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield every changed copy of a node, with the change in words."""
    yield from _other_operators(node)
    yield from _other_numbers(node)
    yield from _other_ways(node)


def _other_operators(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            if type(operator) in SWAPS:
                swapped = copy.deepcopy(node)
                swapped.ops[place] = SWAPS[type(operator)]()  # type: ignore[call-overload]
                yield f"{ast.unparse(node)} -> {ast.unparse(swapped)}", swapped
    elif type(getattr(node, "op", None)) in SWAPS:
        swapped = copy.deepcopy(node)
        swapped.op = SWAPS[type(node.op)]()  # type: ignore[attr-defined]
        yield f"{ast.unparse(node)} -> {ast.unparse(swapped)}", swapped


def _other_numbers(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield f"{node.value} -> {node.value + 1}", ast.Constant(node.value + 1)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value} -> {not node.value}", ast.Constant(not node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield f"{ast.unparse(node)} -> {ast.unparse(node.operand)}", node.operand


def _other_ways(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        turned = copy.deepcopy(node)
        turned.test = ast.UnaryOp(ast.Not(), node.test)
        yield f"if {ast.unparse(node.test)} -> turned round", turned
    if isinstance(node, ast.Return) and node.value is not None:
        yield f"return {ast.unparse(node.value)[:60]} -> return None", ast.Return()
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield f"{ast.unparse(node)[:60]} -> left out", ast.Pass()


def mutants_of(module: str) -> list[Mutant]:
    """List every mutant of a module, in the order of its source."""
    path = SOURCE / (module.replace(".", "/") + ".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = skipped_parts(tree)
    found = []
    for node in list(ast.walk(tree)):
        if id(node) in skipped:
            continue
        for change, new in changes(node):
            source = ast.unparse(_replaced(tree, node, new))
            found.append(Mutant(module, getattr(node, "lineno", 0), change, source))
    return sorted(found, key=lambda mutant: (mutant.line, mutant.change))


def _replaced(tree: ast.Module, old: ast.AST, new: ast.AST) -> ast.Module:
    """Return a copy of a tree in which one node is another."""

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:  # noqa: ANN401
            return new if node is old else self.generic_visit(copy.copy(node))

        def generic_visit(self, node: ast.AST) -> ast.AST:
            for name, value in ast.iter_fields(node):
                if isinstance(value, list):
                    setattr(
                        node, name, [self.visit(v) if isinstance(v, ast.AST) else v for v in value]
                    )
                elif isinstance(value, ast.AST):
                    setattr(node, name, self.visit(value))
            return node

    return ast.fix_missing_locations(Replace().visit(tree))


def run_tests(mutant: Mutant | None, tests: Sequence[str], folder: Path) -> int:
    """Run tests in this process, with a mutant or without; return the exit code of pytest."""
    import pytest

    shutil.copytree(SOURCE / "openmer", folder / "openmer")
    if mutant is not None:
        path = folder / (mutant.module.replace(".", "/") + ".py")
        path.write_text(mutant.source, encoding="utf-8")
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = str(folder)
    quiet = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore"]
    return int(pytest.main([*quiet, "-m", "not slow", *tests]))


def start(mutant: Mutant | None, tests: Sequence[str], folder: Path) -> int:
    """Fork a process that runs the tests and says nothing; return its id."""
    process = os.fork()
    if process == 0:
        os.setsid()
        os.chdir(ROOT)
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silent, stream)
        try:
            code = run_tests(mutant, tests, folder)
        except BaseException:
            code = 99
        os._exit(code)
    return process


def try_all(target: Target, mutants: Sequence[Mutant], jobs: int) -> dict[Mutant, str]:
    """Run every mutant, several at a time; return what became of each.

    Raises:
        SystemExit: The tests fail without any change.
    """
    with tempfile.TemporaryDirectory(prefix="openmer-mutants-") as folder:
        began = time.monotonic()
        _, status = os.waitpid(start(None, target.tests, Path(folder, "none")), 0)
        if status:
            raise SystemExit(f"{' '.join(target.tests)} fail without any change.")
        limit_s = 15 + 5 * (time.monotonic() - began)
        waiting, running, found = list(mutants), {}, {}
        while waiting or running:
            while waiting and len(running) < jobs:
                mutant = waiting.pop(0)
                place = Path(folder, str(len(waiting)))
                process = start(mutant, target.tests, place)
                running[process] = (mutant, time.monotonic(), place)
            for process, (mutant, since, place) in list(running.items()):
                done, status = os.waitpid(process, os.WNOHANG)
                late = time.monotonic() - since > limit_s
                if done or late:
                    if not done:
                        os.killpg(process, signal.SIGKILL)
                        os.waitpid(process, 0)
                    found[mutant] = TIMEOUT if not done else KILLED if status else SURVIVED
                    shutil.rmtree(place, ignore_errors=True)
                    del running[process]
            time.sleep(0.02)
    return found


def row_of(name: str, mutants: Sequence[Mutant], alive: Sequence[Mutant], chosen: str) -> str:
    """Write a target's row of the table; a survivor is named by module, line and change."""
    killed = len(mutants) - len(alive)
    named = [f"`{str(one).removeprefix('openmer.')}`".replace("|", "\\|") for one in alive]
    share = f"{killed / len(mutants):.1%}"
    return f"| {name} | {chosen} | {killed} | {share} | {'<br>'.join(named) or 'none'} |"


def write_table(path: Path, rows: Sequence[str]) -> None:
    """Write the rows of some targets; those of others that stand there stay."""
    old = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    own = {line.split(" | ")[0]: line for line in [*old, *rows]}
    kept = [own[f"| {name}"] for name in TARGETS if f"| {name}" in own]
    head = (
        "# Mutants",
        "",
        "`python benchmarks/mutants.py` changes one token at a time; the bar is 95 % killed.",
        "",
        "| target | mutants | killed | share | survivors |",
        "|---|---|---|---|---|",
    )
    path.write_text("\n".join([*head, *kept]) + "\n", encoding="utf-8")


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
    sys.path.insert(0, str(ROOT))
    for name in LOADED:
        importlib.import_module(name)
    for name in given.target or TARGETS:
        target = TARGETS[name]
        every = [mutant for module in target.modules for mutant in mutants_of(module)]
        rng = random.Random(given.seed)
        chosen = rng.sample(every, given.sample) if 0 < given.sample < len(every) else every
        found = try_all(target, chosen, given.jobs)
        alive = [mutant for mutant in chosen if found[mutant] == SURVIVED]
        sample = "all" if len(chosen) == len(every) else f"{len(chosen)} of {len(every)}"
        told = f"{sample}, seed {given.seed}" if len(chosen) < len(every) else f"all {len(every)}"
        row = row_of(name, chosen, alive, told)
        print(row, flush=True)
        if given.write:
            write_table(given.write, [row])


if __name__ == "__main__":
    main()
