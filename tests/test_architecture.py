"""The house rules that no linter knows: sizes, layers, names, and what an import may load."""

import ast
import importlib
import importlib.util
import inspect
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import openmer

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "openmer"
FILES = sorted(SOURCE.rglob("*.py"))

LINES_OF_A_FILE = 400
LINES_OF_A_BODY = 40
NESTING = 3
INHERITANCE = 2

BLOCKS = (
    ast.AsyncFor, ast.AsyncWith, ast.For, ast.If, ast.Match, ast.Try, ast.TryStar, ast.While,
    ast.With,
)  # fmt: skip
DRAWERS = {"base", "common", "core", "helper", "helpers", "misc", "util", "utils"}

# The synthetic corpus is drawn with OpenCV, and the fakes take their frames from it.
MAY_DRAW = ("synthetic", "fakes")


def name_of(path):
    return str(path.relative_to(ROOT))


def functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def body_lines(function):
    """Lines from the first statement after the docstring to the last one."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def nesting(node, depth=0):
    """How many blocks stand inside each other; an elif is as deep as its if."""
    deepest = depth
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        is_elif = isinstance(child, ast.If) and isinstance(node, ast.If) and node.orelse == [child]
        deeper = isinstance(child, BLOCKS) and not is_elif
        deepest = max(deepest, nesting(child, depth + deeper))
    return deepest


def modules():
    """Every module of the package, imported; what is private is a module, too."""
    found = pkgutil.walk_packages(openmer.__path__, "openmer.")
    return [openmer, *(importlib.import_module(module.name) for module in found)]


def inheritance(kind):
    """Classes above a class, up to the first one of another package; builtins are the ground."""
    if kind.__module__ == "builtins":
        return 0
    if not kind.__module__.startswith("openmer"):
        return 1
    ours = [base for base in kind.__bases__ if base.__module__.startswith("openmer")]
    return max([inheritance(base) + (base in ours) for base in kind.__bases__])


def loaded_by(names, packages=("torch", "cv2")):
    """Which of some packages a fresh process has loaded after importing these modules."""
    code = (
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        f"print(*sorted({set(packages)!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.split())


def light_datasets():
    names = [module.__name__ for module in modules() if ".datasets" in module.__name__]
    return [name for name in names if not any(word in name for word in MAY_DRAW)]


def test_counting_of_lines_and_nesting():
    long = ast.parse("def f():\n    'Doc.'\n" + "    x = 1\n" * 41).body[0]
    deep = ast.parse(
        "def f():\n for a in b:\n  if a:\n   pass\n  elif b:\n   with c:\n    pass"
    ).body[0]
    assert body_lines(long) == 41
    assert nesting(deep) == 3


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_and_its_functions_fit_in_the_head(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LINES_OF_A_FILE, f"{name_of(path)} has {lines} lines"
    for function in functions(path):
        place = f"{name_of(path)}:{function.lineno} {function.name}"
        assert body_lines(function) <= LINES_OF_A_BODY, f"{place} has {body_lines(function)} lines"
        assert nesting(function) <= NESTING, f"{place} nests {nesting(function)} deep"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_drawers_no_prints_no_notes_to_self(path):
    words = {part.strip("_") for part in path.relative_to(SOURCE).with_suffix("").parts}
    assert not words & DRAWERS, "name the module after what it holds"
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b(?:TODO|FIXME|XXX)\b", text)
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    printed = [n.lineno for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"]
    assert not printed, f"print in line {printed}: return it, log it, or use cli.console"


def test_files_get_their_names_in_one_place():
    may = {"files.py", "_remote_files.py", "_sessions.py"}  # results; copies; a visitor's upload
    elsewhere = [
        f"{path.name}:{call.lineno}"
        for path in FILES
        if path.name not in may
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and renames(call)
    ]
    assert elsewhere == []


def renames(call):
    """Whether a call is `path.replace(other)`, `path.rename(other)`, or one of os and shutil."""
    if not isinstance(call.func, ast.Attribute):
        return False
    owner = call.func.value.id if isinstance(call.func.value, ast.Name) else ""
    if owner in {"os", "shutil"}:
        return call.func.attr in {"replace", "rename", "renames", "move"}
    is_one = len(call.args) == 1 and not call.keywords
    return is_one and call.func.attr in {"replace", "rename"}


def test_classes_inherit_at_most_twice():
    deep = {
        f"{kind.__module__}.{kind.__qualname__}"
        for module in modules()
        for kind in vars(module).values()
        if inspect.isclass(kind) and inheritance(kind) > INHERITANCE
    }
    assert not deep


def test_small_records_say_why_they_are_records():
    specification = importlib.util.spec_from_file_location(
        "house", ROOT / "benchmarks" / "house.py"
    )
    house = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(house)
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in FILES]
    assert [name for tree in trees for name in house.small_records(tree)] == []
    bare = "@dataclass\nclass A:\n    'Two words.'\n    x: int\n    y: int\n"
    assert list(house.small_records(ast.parse(bare))) == ["A"]
    assert list(house.small_records(ast.parse(bare + "    z: int\n"))) == []


def test_every_public_name_exists_and_says_what_it_is():
    silent = []
    for module in modules():
        assert module.__doc__, f"{module.__name__} has no docstring"
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isroutine(value):
                doc = value.__doc__ or ""
                # A dataclass without a docstring gets its own signature as one.
                if not doc or doc.startswith(f"{name}("):
                    silent.append(f"{module.__name__}.{name}")
    assert not silent


def test_layers_are_kept():
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    command = command or shutil.which("lint-imports")
    assert command, "import-linter is not installed: pip install -e . --group dev"
    done = subprocess.run(
        [command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_part_of_the_package_has_its_layer():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    placed = {name.strip() for layer in layers for name in re.split(r"[|:]", layer)}
    parts = {f"openmer.{found.name}" for found in pkgutil.iter_modules(openmer.__path__)}
    assert parts <= placed, "add it to the layers in pyproject.toml"


def test_the_package_itself_loads_nothing_heavy():
    assert loaded_by(["openmer"]) == set()


def test_the_command_line_starts_with_nothing_that_computes():
    assert loaded_by(["openmer.cli"], ("numpy", "pydantic", "torch", "cv2")) == set()


def test_judging_results_loads_neither_pytorch_nor_opencv():
    names = [f"evaluation._{name}" for name in ("metrics", "bootstrap", "predictions", "summary")]
    names += ["reports._report", "reports._published"]
    assert loaded_by([f"openmer.{name}" for name in names]) == set()


def test_reading_corpora_loads_neither_pytorch_nor_opencv():
    assert loaded_by(light_datasets()) == set()


def test_the_synthetic_corpus_loads_no_pytorch():
    assert "torch" not in loaded_by(["openmer.datasets.synthetic._clips"])


def test_no_module_that_waits_stands_for_a_large_library():
    """`inspect.getmodule` loads all that wait, and PyTorch calls it while it imports itself."""
    waiting = {
        name
        for path in FILES
        for name in re.findall(r"lazy_loader\.load\(\"(\w+)", path.read_text())
    }
    assert waiting <= {"krippendorff", "onnxruntime", "pympi"}
