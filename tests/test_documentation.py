"""What is written is true: README and examples run, pages match the code, links lead somewhere."""

import ast
import importlib
import importlib.util
import inspect
import itertools
import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import typer

import openmer
from openmer.datasets import list_datasets, write_corpus
from openmer.methods import list_methods, load_method, method_text
from openmer.models import list_models
from openmer.video import write_video
from tests.forked import Forked

ROOT = Path(__file__).parent.parent
PYTHON = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
MEBIBYTE = 1 << 20

METHOD_HEADINGS = ("What the paper states", "What OpenMER does", "Differences", "Epochs")
PICTURES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".svg", ".tif", ".tiff", ".webp"}
CORPUS_FILES = {".avi", ".mat", ".mp4", ".npy", ".npz", ".parquet", ".xls", ".xlsx", ".zip"}


def repository_files():
    """Files of the checkout: no hidden folders but those of the CI, nothing that was built."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if _is_ours(Path(folder) / name)]
        found += [Path(folder) / name for name in names]
    return sorted(found)


def _is_ours(folder):
    if folder.name.startswith("."):
        return folder.name in {".ci", ".github"}
    built = {"__pycache__", "build", "dist"}
    if folder.parent == ROOT:
        built |= {"openmer-demo", "runs", "report", "corpus"}
    return folder.name not in built and folder.suffix != ".egg-info"


def text_of(path):
    """The text of a file; None where it is none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def pages():
    """Every page of documentation: in `docs`, in `examples`, and beside the README."""
    return sorted(
        [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    )


def all_docs():
    return "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))


def make_reference():
    """The script that makes the reference pages, as a module."""
    path = ROOT / "docs" / "make_reference.py"
    specification = importlib.util.spec_from_file_location("make_reference", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def setup_commands():
    return [line for line in README.splitlines() if line.startswith("python3 -m venv ")]


def run_python(script, folder):
    return Forked([script], folder, script=True).wait()


def anchors(page):
    """What can be linked to in a page: its headings, as GitHub names them."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


def test_the_readme_has_two_setup_commands_and_shows_them_early():
    commands = setup_commands()
    assert len(commands) == 2
    assert commands[0].endswith("openmer demo")
    assert "pytest" in commands[1]
    lines = README.splitlines()
    assert all(lines.index(command) < 30 for command in commands)
    for command in commands:
        place = lines.index(command)
        assert (lines[place - 1], lines[place + 1]) == ("```bash", "```"), "one command, one block"


def test_the_ci_takes_both_commands_from_the_readme():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "grep '^python3 -m venv ' README.md" in script
    assert "-m venv" not in script.replace("grep '^python3 -m venv ' README.md", "")
    assert "pip install" not in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.slow
def test_the_python_of_the_readme_runs(tmp_path):
    (block,) = re.findall(r"(?ms)^```python\n(.*?)^```", README)
    assert len([line for line in block.splitlines() if line.strip()]) <= 5
    script = tmp_path / "readme.py"
    script.write_text(block, encoding="utf-8")
    done = subprocess.run(  # from nothing, as a reader's
        [sys.executable, "-W", "error", str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "UF1" in done.stdout


@pytest.fixture(scope="module")
def one_folder(tmp_path_factory):
    """Where all examples run, as a reader runs them: the first one makes the corpus for all."""
    return tmp_path_factory.mktemp("examples")


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path, one_folder):
    done = run_python(path, one_folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert [entry.name for entry in one_folder.iterdir()] == ["openmer-demo"]


def test_examples_are_numbered_and_fit_on_a_page():
    assert [path.name[:2] for path in EXAMPLES] == [
        f"{number:02}" for number in range(1, len(EXAMPLES) + 1)
    ]
    for path in EXAMPLES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 80


def test_pages_made_from_the_code_are_up_to_date():
    stale = [
        str(path.relative_to(ROOT))
        for path, text in make_reference().pages().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    assert not stale, "run: python docs/make_reference.py"


@pytest.mark.parametrize("name", list_methods())
def test_every_method_has_its_page(name):
    page = ROOT / "docs" / "reference" / "methods" / f"{name}.md"
    assert page.is_file(), f"describe the method in {page.relative_to(ROOT)}"
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"(?m)^## (.+)$", text)
    assert [heading for heading in headings if heading in METHOD_HEADINGS] == list(METHOD_HEADINGS)
    assert f"`{name}`" in text
    assert text.startswith(f"# {load_method(name).title}\n")


def test_every_page_of_a_method_has_its_method():
    pages_of_methods = (ROOT / "docs" / "reference" / "methods").glob("*.md")
    assert {page.stem for page in pages_of_methods} == set(list_methods())


@pytest.mark.parametrize("name", list_models())
def test_every_model_is_documented_and_its_origin_is_stated(name):
    models = (ROOT / "docs" / "reference" / "models.md").read_text(encoding="utf-8")
    assert f"## `{name}`" in models
    origin = ROOT / "docs" / "reference" / "models" / f"{name}.md"
    assert origin.is_file(), f"say in {origin.relative_to(ROOT)} where the model comes from"


@pytest.mark.parametrize("name", list_datasets())
def test_every_corpus_is_documented(name):
    corpora = (ROOT / "docs" / "reference" / "corpora.md").read_text(encoding="utf-8")
    assert f": `{name}`\n" in corpora


@pytest.mark.parametrize("name", [name for name in openmer.__all__ if name != "__version__"])
def test_every_public_name_is_documented_with_arguments_result_and_example(name):
    value = getattr(openmer, name)
    sections = dict(make_reference()._sections(value))
    assert f"### `openmer.{name}`\n" in PYTHON
    assert sections.get("Example"), "show how it is used, in a section Example: of the docstring"
    if inspect.isfunction(value):
        documented = re.findall(r"(?m)^- `\**(\w+)`: .", sections.get("Args", ""))
        assert documented == list(inspect.signature(value).parameters)
        assert sections.get("Returns") or value.__annotations__["return"] == "None"


def python_examples():
    """The examples of the public face, in the order of the page."""
    return re.findall(r"(?ms)^```python\n(.*?)^```", PYTHON)


def python_of_pages():
    """Every block of Python on any page, wherever it is indented."""
    for page in pages():
        found = re.findall(r"(?ms)^( *)```python\n(.*?)^ *```", page.read_text(encoding="utf-8"))
        yield from (textwrap.dedent(block) for _, block in found)


def test_every_example_calls_what_exists_with_arguments_that_exist():
    public = re.compile(r"openmer\.\w+")
    for example in python_of_pages():
        for node in ast.walk(ast.parse(example)):
            if isinstance(node, ast.Call) and public.fullmatch(ast.unparse(node.func)):
                function = getattr(openmer, node.func.attr)
                named = {keyword.arg: None for keyword in node.keywords}
                inspect.signature(function).bind(*node.args, **named)


@pytest.mark.slow
def test_the_examples_of_the_reference_run(tmp_path):
    folder = tmp_path / "work"
    write_corpus(folder, "tiny").rename(folder / "clips.csv")
    write_video(folder / "interview.mp4", [np.zeros((96, 96, 3), np.uint8)] * 30, 30)
    made = "from pathlib import Path\nfrom typing import ClassVar, Literal\n"
    made += "import numpy as np, torch, openmer\nfrom openmer.datasets import *\n"
    made += "if __name__ == '__main__':\n" + textwrap.indent(
        "\n".join(each for each in python_examples() if "pretrain" not in each), "    "
    )
    (folder / "my-method.toml").write_text(method_text("ststnet"), encoding="utf-8")
    (folder / "examples.py").write_text(made, encoding="utf-8")
    done = run_python(folder / "examples.py", folder)
    assert done.returncode == 0, done.stderr


PAGE = """
import functools
import numpy as np
from sklearn.svm import SVC
import openmer

def brief(function):
    @functools.wraps(function)
    def call(*words, **given):
        if "ststnet" in (*words[:1], given.get("method")):
            given["overrides"] = ["training.epochs=1"]
        return function(*words, **given)
    return call

for name in ("evaluate", "train", "explain"):
    setattr(openmer, name, brief(getattr(openmer, name)))
classifier, inputs = SVC(), np.random.default_rng(0).normal(size=(18, 4))
labels, subjects = np.arange(18) % 3, np.arange(18) // 3
openmer.train("flow-svm", "clips.csv").save("model")
"""
STAND_INS = {
    '"casme2", "/data/CASME2"': '"clips.csv"',
    "corpus/manifest.csv": "clips.csv",
    "synthetic/manifest.csv": "clips.csv",
    "as-annotated:10": "as-annotated:5",
    '"efficient-me"': '"ststnet"',
    "dask:tcp://10.0.0.1:8786": "local",
    '"dask"': '"local"',
    "kfold:5:10": "kfold:5:2",
    "s3://lab/videos/interview.mp4": "interview.mp4",  # tests/test_remote.py reads from a server
    "https://example.org/clips.csv": "clips.csv",
    'openmer.export(model, "my-model.onnx")': "",  # an example of the reference, too
}
ELSEWHERE = ("planted_leaks", "push_to_hub")  # tests/contracts, tests/deployment


@pytest.mark.slow
def test_the_python_of_every_other_page_runs(tmp_path):
    write_corpus(tmp_path, "tiny").rename(tmp_path / "clips.csv")
    write_video(tmp_path / "interview.mp4", [np.zeros((96, 96, 3), np.uint8)] * 30, 30)
    reference = {*python_examples()}
    blocks = [
        f"# Block {number}\n{block}"
        for number, block in enumerate(python_of_pages())
        if block not in reference and not any(word in block for word in ELSEWHERE)
    ]
    assert len(blocks) > 15
    made = "\n".join(blocks)
    for theirs, ours in STAND_INS.items():
        made = made.replace(theirs, ours)
    (tmp_path / "pages.py").write_text(PAGE + made, encoding="utf-8")
    done = run_python(tmp_path / "pages.py", tmp_path)
    assert done.returncode == 0, done.stderr


def test_every_command_is_documented():
    from openmer.cli._app import app

    reference = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    names = [name for name, _ in make_reference().commands("openmer", app)]
    assert len(names) >= 6
    assert all(f"## `{name}`\n" in reference for name in names)


def commands_of(page):
    """Every line of a page that begins with our command, without what a shell takes from it."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"(?m)^ *(?:.* && )?(openmer [a-z].*)$", text):
        for part in line.split(" && "):
            words = shlex.split(part, comments=True)
            yield list(itertools.takewhile(lambda word: word not in {">", "2>", "|", "&"}, words))


def test_every_command_line_in_the_docs_is_taken():
    """As typed: its command, options and values; files need not be there."""
    from openmer.cli._app import _common_first, app

    whole = typer.main.get_command(app)
    for page in pages():
        for words in commands_of(page):
            command, left = whole, _common_first(words[1:])
            while left and (known := getattr(command, "commands", None)):
                name = left.pop(0)
                command = known.get(name, command)
            try:
                command.make_context(" ".join(words), left)
            except Exception as error:
                pytest.fail(f"{page.name}: {shlex.join(words)}: {error!r}")


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"(?ms)^ *```.*?^ *```", "", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path) if path else page
        assert linked.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors(linked), f"{target}: no such heading"


def test_python_in_the_docs_imports_what_exists():
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"(?ms)^```python\n(.*?)^```", text):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom):
                    module = importlib.import_module(node.module)
                    assert all(hasattr(module, alias.name) for alias in node.names), page.name


def test_nothing_names_a_place_on_this_machine():
    places = [str(ROOT), *(f"/{top}/" for top in ("home", "root", "Users", "opt", "mnt"))]
    named = re.compile(r"(?<![\w.])(?:" + "|".join(map(re.escape, places)) + ")")
    guilty = [
        str(path.relative_to(ROOT))
        for path in repository_files()
        if path != Path(__file__) and named.search(text_of(path) or "")
    ]
    assert not guilty


def test_no_file_is_large_and_none_is_of_a_corpus():
    for path in repository_files():
        name = str(path.relative_to(ROOT))
        most = 10 if path.is_relative_to(ROOT / "packages" / "weights") else 1
        assert path.stat().st_size <= most * MEBIBYTE, f"{name} is larger than {most} MiB"
        assert path.suffix.lower() not in CORPUS_FILES, f"{name} may be data of a corpus"
        if path.suffix.lower() in PICTURES:
            assert path.parent == ROOT / "docs" / "images", f"{name} is a picture out of place"
            scripts = [*path.parent.glob("make_*.py"), *(ROOT / "benchmarks").glob("*.py")]
            made = [script for script in scripts if path.name in text_of(script)]
            assert made, (
                f"no script in docs/images or benchmarks makes {name}: whose picture is it?"
            )


def test_every_figure_of_the_docs_has_a_script_that_names_it():
    scripts = [*ROOT.glob("benchmarks/*.py"), *ROOT.glob("docs/images/*.py")]
    told = " ".join(path.read_text(encoding="utf-8") for path in scripts)
    for figure in ROOT.glob("docs/images/*.png"):
        assert re.search(rf"(?<![\w-]){figure.name}", told), f"nothing makes {figure.name}"
