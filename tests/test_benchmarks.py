"""Benchmarks: what they take from the package and from one another is there."""

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


def parsed(script):
    return ast.parse(script.read_text(encoding="utf-8"))


def taken(script):
    """Each module that a script names, and the names that it takes from it."""
    for node in ast.walk(parsed(script)):
        if isinstance(node, ast.ImportFrom):
            yield node.module, {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            yield from ((alias.name, set()) for alias in node.names)


def offered(module):
    """The names of a module of the package."""
    found = import_module(module)
    inside = getattr(found, "__path__", None)
    return lambda name: hasattr(found, name) or (inside and find_spec(f"{module}.{name}"))


def bound(script):
    """The names that a script binds at its top."""
    for node in parsed(script).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
            continue
        for name in ast.walk(node):
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                yield name.id
            elif isinstance(name, ast.alias):
                yield name.asname or name.name


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_what_a_benchmark_takes_is_there(script):
    others = {path.stem: path for path in SCRIPTS}
    for module, names in taken(script):
        if module.partition(".")[0] == "openmer":
            missing = [name for name in names if not offered(module)(name)]
        else:
            missing = names - set(bound(others[module])) if module in others else ()
        assert not missing, f"{script.name} takes {missing} from {module}, which has none"
