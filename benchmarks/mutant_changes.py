"""Every change of one token that `mutants.py` makes to a module."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent.parent / "src"
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def file_of(module: str) -> Path:
    """Return the file of a module of OpenMER."""
    return SOURCE / (module.replace(".", "/") + ".py")


@dataclass(frozen=True, eq=False)
class Mutant:
    """One change: where it stands, what it does, and the changed module.

    Attributes:
        module: Its name.
        line: Where the change stands.
        change: The code before and after.
        tree: The changed module, with the lines of the unchanged one.
        functions: First lines, decorators included, of the functions whose bodies hold the change.
    """

    module: str
    line: int
    change: str
    tree: ast.Module = field(repr=False)
    functions: tuple[int, ...]

    @property
    def code(self) -> str:
        """The line that the change stands in, without indentation."""
        return self.path.read_text(encoding="utf-8").splitlines()[self.line - 1].strip()

    @property
    def path(self) -> Path:
        """The file of the unchanged module."""
        return file_of(self.module)

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.change}"


def skipped_parts(tree: ast.Module) -> set[int]:
    """Return the ids of all nodes that are not changed: errors, hints, decorators, strict zips."""
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
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "zip":
            parts = [*node.keywords]  # strict: what it would find is an error of ours
        found |= {id(inner) for part in parts if part is not None for inner in ast.walk(part)}
    return found


def functions_around(tree: ast.Module) -> dict[int, tuple[int, ...]]:
    """Return the first lines of the functions whose bodies a node stands in, by the node's id."""
    found: dict[int, tuple[int, ...]] = {}
    for node in ast.walk(tree):  # the outer ones come first
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
            for inner in (inner for part in node.body for inner in ast.walk(part)):
                found[id(inner)] = (*found.get(id(inner), ()), first)
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
    if isinstance(node, ast.Return) and ast.unparse(node) not in ("return", "return None"):
        yield f"return {ast.unparse(node.value)[:60]} -> return None", ast.Return()
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield f"{ast.unparse(node)[:60]} -> left out", ast.Pass()


def mutants_of(module: str) -> list[Mutant]:
    """List every mutant of a module, in the order of its source."""
    tree = ast.parse(file_of(module).read_text(encoding="utf-8"))
    skipped, around = skipped_parts(tree), functions_around(tree)
    found = []
    for node in list(ast.walk(tree)):
        if id(node) in skipped:
            continue
        for change, new in changes(node):
            changed = _replaced(tree, node, ast.copy_location(new, node))
            line = getattr(node, "lineno", 0)
            found.append(Mutant(module, line, change, changed, around.get(id(node), ())))
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
