"""Print the measures of the house: lines, rooms, public names, imports inside functions, circles.

    python benchmarks/house.py
    python benchmarks/house.py --write benchmarks/results/house.md

Lines are counted twice: all of a file, and those of code alone, which are neither blank nor a
comment nor part of a docstring or an import statement.
A definition is public if neither its own name nor a part of its module's path begins with an
underscore. A record is a dataclass or a named tuple. A room is a package directly below `openmer`.
A circle is a set of modules that import each other in turn; imports for type checkers do not count.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src" / "openmer"
BARS = {
    "lines": 40_000,
    "lines of code alone": 40_000,
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


def code_lines(text: str, tree: ast.Module) -> int:
    """Count the lines that are neither blank, comment, docstring nor import."""
    other = {
        number
        for number, line in enumerate(text.splitlines(), start=1)
        if not line.strip() or line.lstrip().startswith("#")
    }
    for node in ast.walk(tree):
        parts: list[ast.AST] = [node] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.Module | ast.ClassDef | FUNCTION) and ast.get_docstring(node):
            parts.append(node.body[0])
        for part in parts:
            other |= set(range(part.lineno, part.end_lineno + 1))
    return len(text.splitlines()) - len(other)


def small_records(tree: ast.Module) -> Iterator[str]:
    """Yield the name of every record that holds two fields or fewer and does not say why.

    A record is a dataclass or a named tuple without a method. Its docstring gives the reason in a
    sentence like "A record, because ...".
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            marks = [ast.unparse(part) for part in (*node.decorator_list, *node.bases)]
            acts = any(isinstance(part, FUNCTION) for part in node.body)
            if not acts and any("dataclass" in mark or mark == "NamedTuple" for mark in marks):
                fields = sum(isinstance(part, ast.AnnAssign) for part in node.body)
                said = ast.get_docstring(node) or ""
                if fields <= 2 and not re.search(r"\ba record\b", said, re.IGNORECASE):
                    yield node.name


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
    code: Counter[str] = Counter()
    inner: Counter[str] = Counter()
    public: Counter[str] = Counter()
    modules: dict[str, set[str]] = {}
    rooms: dict[str, set[str]] = {}
    small = []
    for path, tree in trees.items():
        module = module_of(path)
        room = room_of(module)
        text = path.read_text(encoding="utf-8")
        lines[room] += len(text.splitlines())
        code[room] += code_lines(text, tree)
        inner[room] += inner_imports(tree)
        public[room] += len(public_definitions(path, tree))
        small += [f"{module}.{name}" for name in small_records(tree)]
        used = imports(tree, known) | through_faces(tree, table)
        modules[module] = used - {module}
        rooms.setdefault(room, set()).update({room_of(other) for other in used} - {room})
    total = sum(lines.values())
    around = circles(modules), circles(rooms)
    numbers = {
        "lines": total,
        "lines of code alone": sum(code.values()),
        "largest room, % of lines": round(100 * max(lines.values()) / total, 1),
        "public definitions": sum(public.values()),
        "imports inside functions": sum(inner.values()),
        "circles of modules": len(around[0]),
        "circles of rooms": len(around[1]),
    }
    details = {
        "lines by room, of code alone in brackets": [
            f"{room} {n} ({code[room]})" for room, n in lines.most_common()
        ],
        "public definitions by room": [f"{room} {n}" for room, n in public.most_common() if n],
        "imports inside functions by room": [f"{room} {n}" for room, n in inner.most_common() if n],
        "circles": [" - ".join(group) for group in (*around[0], *around[1])],
        "records of two fields or fewer without a reason": small,
    }
    return numbers, details


def main() -> None:
    """Print each measure beside its bar, then what stands behind it; write the same on request."""
    parser = argparse.ArgumentParser(description="Measure the house.")
    parser.add_argument("--write", type=Path, help="A Markdown file.")
    given = parser.parse_args()
    numbers, details = measure()
    page = ["# The house", "", "By `python benchmarks/house.py`.", "", "| measure | found | bar |"]
    page += ["|---|---|---|"]
    for name, value in numbers.items():
        mark = "" if value <= BARS[name] else "   MISSED"
        print(f"{name:26} {value:>8} (at most {BARS[name]}){mark}")
        page.append(f"| {name} | {value:,} | at most {BARS[name]:,}{mark and ', missed'} |")
    for name, found in details.items():
        print(f"\n{name}: {len(found)}")
        for line in found:
            print(f"    {line}")
        page += ["", f"{name} ({len(found)}): {', '.join(found) or 'none'}."]
    if given.write:
        given.write.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
