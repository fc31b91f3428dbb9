"""What CONTRIBUTING.md says a new thing costs: these files, and nothing else is edited by hand."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WHOLE = ("src", "tests", "docs", "examples", "benchmarks", "leaderboard")
KEPT = (*WHOLE, "README.md", "NOTICES.md", "CONTRIBUTING.md", "CHANGELOG.md", "pyproject.toml")

MODEL = {
    "src/openmer/models/tiny_net.py": '''"""One linear layer on the mean of each channel."""

from torch import Tensor, nn

from openmer.models._registry import register_model


@register_model("tiny_net")
class TinyNet(nn.Module):
    """Flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``."""

    def __init__(self, *, in_channels: int = 3, num_classes: int = 3, size: int = 28) -> None:
        super().__init__()
        self.head = nn.Linear(in_channels, num_classes)

    def forward(self, flow: Tensor) -> Tensor:
        """Return logits."""
        return self.head(flow.mean(dim=(-2, -1)))
''',
    "tests/models/test_tiny_net.py": '''"""The tiny network."""

FACTS = {"tiny_net": {"parameters": 12}}
''',
    "docs/reference/models/tiny_net.md": """# Origin of `tiny_net`

- Paper: none
- Official code: none
- Its licence: none
- What OpenMER took: nothing
""",
}
CORPUS = {
    "src/openmer/datasets/ours.py": '''"""Ours: a folder for each subject, word and clip."""

from fractions import Fraction
from pathlib import Path

from openmer.datasets._annotations import Annotation, read_annotations
from openmer.datasets._facts import CorpusFacts, Counts, Options, advice, words
from openmer.datasets._reading import Reading
from openmer.datasets._registry import register_corpus
from openmer.errors import DataError

FACTS = CorpusFacts(
    name="ours", title="Ours", holds="clips", paper="none", access="ask us", terms="none",
    variants={"all": Counts(words=words("negative", "positive", "surprise"))},
)


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """Read all clips."""
    found = [
        Annotation(
            corpus="ours", subject=folder.parts[-3], emotion=folder.parts[-2], name=folder.name,
            fps=Fraction(100), folder=folder if options.wants_frames else None, whole_folder=True,
        )
        for folder in sorted(root.glob("*/*/*"))
    ]
    if not found:
        raise DataError(f"Ours is not in {root}. {advice(FACTS)}")
    return read_annotations(found)
''',
    "src/openmer/datasets/fakes/ours.py": '''"""A fake copy of ours."""

from pathlib import Path

from openmer.datasets.fakes._files import save_frames
from openmer.datasets.fakes._plan import FakePlan, fake_clips


def write(root: Path, plan: FakePlan) -> None:
    """Write all clips."""
    for clip in fake_clips("ours", plan.each(), frames=plan.frames):
        folder = root / f"s{clip.subject_id}" / clip.word / f"c{clip.at}"
        save_frames(folder, clip, "image{}.png")
''',
    "tests/datasets/test_ours.py": '''"""Ours."""

from openmer.datasets import facts


def test_words():
    assert set(facts("ours").variants["all"].words) == {"negative", "positive", "surprise"}
''',
}
STEP = {
    "src/openmer/preprocessing/steps/halve.py": '''"""The step that halves flow."""

from typing import ClassVar, Literal

from openmer.preprocessing.steps._step import FLOW, Array, Step


class HalveStep(Step):
    """Halve the flow."""

    gives: ClassVar = {FLOW: FLOW}

    step: Literal["halve"] = "halve"

    def change(self, array: Array) -> Array:
        """Return half of it."""
        return array / 2
''',
    "tests/preprocessing/test_halve.py": '''"""The step that halves flow."""

import numpy as np

from openmer.preprocessing.steps._step import STEPS


def test_by_hand():
    found = STEPS["halve"]().change(np.full((2, 3, 3), 4, np.float32))
    assert (found == 2).all()
''',
}
METRIC = {
    "src/openmer/evaluation/_metrics.py": '''

@register_metric("largest_recall", "Largest recall")
def largest_recall(counts: NDArray[Any]) -> Numbers:
    """Compute the recall of the class that is recognised best, 0..1."""
    return np.asarray(np.nan_to_num(per_class_of(counts).recall).max(axis=-1))
''',
}
METHOD = {
    "src/openmer/methods/tiny-net.toml": """name = "tiny-net"
title = "Tiny net"
paper = "none"
label_scheme = "megc2019-3"
recipe = [{ step = "flow", size = 28 }, { step = "strain" }, { step = "halve" }]

[model]
name = "tiny_net"

[training]
kind = "network"
epochs = 3
batch_size = 16
order = "shuffled"
optimizer = "adam"
learning_rate = 0.01
""",
    "docs/reference/methods/tiny-net.md": """# Tiny net

`tiny-net` is an example.

## What the paper states

Nothing.

## What OpenMER does

One linear layer.

## Differences

None.

## Epochs

Three.
""",
}
COMMANDS = """
import contextlib, io, json, runpy, sys
from openmer.cli import main
runpy.run_path("docs/make_reference.py", run_name="__main__")
for words in json.loads(sys.argv[1]):
    sys.argv = ["openmer", *words]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            main()
        except SystemExit as end:
            if end.code:
                sys.exit(f"{words}: {end.code}")
    with open(f"{words[0]}.out", "a", encoding="utf-8") as file:
        file.write(out.getvalue())
"""
COSTS = {"model": MODEL, "corpus": CORPUS, "step": STEP, "metric": METRIC, "method": METHOD}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Copy the tree and add one thing of each kind; make the pages again and run the commands.

    All in one process, because each that starts takes seconds to load PyTorch.
    """
    root = tmp_path_factory.mktemp("copied") / "openmer"
    for name in WHOLE:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [*ROOT.glob("*.md"), ROOT / "pyproject.toml"]:
        shutil.copy(path, root)
    for kind, files in COSTS.items():
        for name, text in files.items():
            assert (root / name).exists() == (kind == "metric"), name
            with (root / name).open("a", encoding="utf-8") as file:
                file.write(text)
    where = ["--corpus", "ours", "--root", "made"]
    commands = [
        ["datasets", "fake", "ours", "made"],
        ["datasets", "list"],
        ["methods"],
        ["evaluate", "tiny-net", *where, "--json"],
        ["audit", "tiny-net", *where, "--subjects", "1"],
        ["report", "runs", "--out", "report"],
    ]
    python(root, "-c", COMMANDS, json.dumps(commands))
    return root


def python(root, *arguments):
    """What Python prints in a copy of the tree."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root, capture_output=True, text=True, check=False,
        timeout=1500, env=os.environ | {"PYTHONPATH": str(root / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_costs_are_those_of_the_page():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for kind, files in COSTS.items():
        count = f"{len(files)} file" + "s" * (len(files) > 1)
        assert f"### Add a {kind}: {count}\n" in page
        for name in files:
            words = ("tiny_net", "tiny-net", "ours", "halve")
            shown = next((name.replace(word, "<name>") for word in words if word in name), name)
            assert f"`{shown}`" in page


@pytest.mark.slow
def test_nothing_is_edited_but_these_files_and_the_pages_made_from_the_code(copy):
    specification = importlib.util.spec_from_file_location("made", ROOT / "docs/make_reference.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    made = {str(path.relative_to(ROOT)) for path in module.pages()}
    changed = {
        str(path.relative_to(copy))
        for path in copy.rglob("*.*")
        if path.is_file() and path.relative_to(copy).parts[0] in KEPT
        if "__pycache__" not in path.parts
        if not (ROOT / path.relative_to(copy)).is_file()
        or path.read_bytes() != (ROOT / path.relative_to(copy)).read_bytes()
    }
    assert changed - made == {name for files in COSTS.values() for name in files}


@pytest.mark.slow
def test_the_shared_tests_pass_for_all_of_them(copy):
    tests = (
        "tests/contracts", "tests/test_documentation.py", "tests/test_architecture.py",
        "tests/models/test_tiny_net.py", "tests/datasets/test_ours.py",
        "tests/preprocessing/test_halve.py", "tests/evaluation/test_metrics.py",
    )  # fmt: skip
    chosen = "tiny or ours or halve or metrics or page_of_a_method or fakes or its_page"
    python(copy, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", "-k", chosen, *tests)


@pytest.mark.slow
def test_all_of_them_are_seen_on_the_command_line_and_in_the_reports(copy):
    printed = {path.stem: path.read_text(encoding="utf-8") for path in copy.glob("*.out")}
    assert "tiny-net" in printed["methods"]
    assert "Ours" in printed["datasets"]
    found = json.loads(printed["evaluate"])
    assert found["parameters"] == 12
    assert 0 <= found["largest_recall"] <= 1
    assert "tiny-net" in printed["audit"] or "Tiny net" in printed["audit"]
    for page in ("report.html", "report.md", "report.csv", "report.tex"):
        text = (copy / "report" / page).read_text(encoding="utf-8").lower()
        assert "largest recall" in text or "largest_recall" in text, page


@pytest.mark.slow
def test_all_of_them_stand_in_the_reference(copy):
    for page, text in {
        "README.md": "`tiny-net`",
        "NOTICES.md": "| `tiny_net` |",
        "docs/reference/models.md": "## `tiny_net`",
        "docs/reference/recipe.md": "## Step `halve`",
        "docs/reference/corpora.md": "## Ours: `ours`",
        "docs/reference/methods.md": "Tiny net",
    }.items():
        assert text in (copy / page).read_text(encoding="utf-8")
