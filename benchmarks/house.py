"""Print the measures of the house: lines, rooms, public names, imports inside functions, circles.

    python benchmarks/house.py

A definition is public if neither its own name nor a part of its module's path begins with an
underscore. A record is a dataclass or a named tuple. A room is a package directly below `openmer`.
A circle is a set of modules that import each other in turn; imports for type checkers do not count.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src" / "openmer"
BARS = {
    "lines": 40_000,
    "largest room, % of lines": 16,
    "public definitions": 250,
    "imports inside functions": 60,
    "circles of modules": 0,
    "circles of rooms": 0,
}
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def module_of(path: Path) -> str:
    """Return the dotted name of a source file."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """Return the package below `openmer` that a module stands in; its own name for the ground."""
    return module.split(".")[1] if "." in module else module


def public_definitions(path: Path, tree: ast.Module) -> list[str]:
    """List the functions and classes of a file that anybody may use."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    if any(part.startswith("_") and part != "__init__" for part in parts):
        return []
    defined = [node.name for node in tree.body if isinstance(node, FUNCTION | ast.ClassDef)]
    return [name for name in defined if not name.startswith("_")]


def small_records(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield name and number of fields of every dataclass and named tuple."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            marks = [ast.unparse(part) for part in (*node.decorator_list, *node.bases)]
            if any("dataclass" in mark or mark == "NamedTuple" for mark in marks):
                yield node.name, sum(isinstance(part, ast.AnnAssign) for part in node.body)


def inner_imports(tree: ast.Module) -> int:
    """Count the import statements inside functions."""
    return len(
        {
            id(found)
            for node in ast.walk(tree)
            if isinstance(node, FUNCTION)
            for found in ast.walk(node)
            if isinstance(found, ast.Import | ast.ImportFrom)
        }
    )


def imports(tree: ast.Module, known: set[str]) -> set[str]:
    """Return the modules of OpenMER that a module imports, wherever it does so."""
    skipped = {
        id(found)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for found in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in skipped:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
    return found & known


def faces() -> dict[str, dict[str, str]]:
    """Return, for every lazy face, which module each of its names comes from."""
    table: dict[str, dict[str, str]] = {}
    for stub in SOURCE.rglob("__init__.pyi"):
        room = module_of(stub.with_suffix(".py"))
        names = table.setdefault(room, {})
        for node in ast.walk(ast.parse(stub.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                for alias in node.names:
                    names[alias.name] = f"{room}.{node.module}"
    return table


def through_faces(tree: ast.Module, table: dict[str, dict[str, str]]) -> set[str]:
    """Return the modules behind the names that are imported from lazy faces."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in table:
            names = table[node.module]
            found |= {names[alias.name] for alias in node.names if alias.name in names}
    return found


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """List the sets of nodes that reach each other, larger than one (Tarjan's components)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in order:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == order[node]:
            group = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in order:
            visit(node)
    return found


def measure() -> tuple[dict[str, float], dict[str, list[str]]]:
    """Measure the whole package: a number for each bar, and what stands behind some of them."""
    paths = sorted(SOURCE.rglob("*.py"))
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    known = {module_of(path) for path in paths}
    table = faces()
    lines: Counter[str] = Counter()
    inner: Counter[str] = Counter()
    public: Counter[str] = Counter()
    modules: dict[str, set[str]] = {}
    rooms: dict[str, set[str]] = {}
    small = []
    for path, tree in trees.items():
        module = module_of(path)
        room = room_of(module)
        lines[room] += len(path.read_text(encoding="utf-8").splitlines())
        inner[room] += inner_imports(tree)
        public[room] += len(public_definitions(path, tree))
        small += [f"{module}.{name} ({n})" for name, n in small_records(tree) if n <= 2]
        used = imports(tree, known) | through_faces(tree, table)
        modules[module] = used - {module}
        rooms.setdefault(room, set()).update({room_of(other) for other in used} - {room})
    total = sum(lines.values())
    around = circles(modules), circles(rooms)
    numbers = {
        "lines": total,
        "largest room, % of lines": round(100 * max(lines.values()) / total, 1),
        "public definitions": sum(public.values()),
        "imports inside functions": sum(inner.values()),
        "circles of modules": len(around[0]),
        "circles of rooms": len(around[1]),
    }
    details = {
        "lines by room": [f"{room} {n}" for room, n in lines.most_common()],
        "public definitions by room": [f"{room} {n}" for room, n in public.most_common() if n],
        "imports inside functions by room": [f"{room} {n}" for room, n in inner.most_common() if n],
        "circles": [" - ".join(group) for group in (*around[0], *around[1])],
        "records of two fields or fewer": small,
    }
    return numbers, details


def main() -> None:
    """Print each measure beside its bar, then what stands behind it."""
    numbers, details = measure()
    for name, value in numbers.items():
        mark = "" if value <= BARS[name] else "   MISSED"
        print(f"{name:26} {value:>8} (at most {BARS[name]}){mark}")
    for name, found in details.items():
        print(f"\n{name}: {len(found)}")
        for line in found:
            print(f"    {line}")


if __name__ == "__main__":
    main()
