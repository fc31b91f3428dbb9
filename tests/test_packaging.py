"""What is published: metadata, sizes, equal bytes, and a package that works without PyTorch."""

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import openmer
from tests.evaluation.made_up_runs import write_run

ROOT = Path(__file__).parent.parent
WEIGHTS = ROOT / "packages" / "weights"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REPOSITORY = SETTINGS["project"]["urls"]["Repository"]
CODE = 1_260_000  # bytes without the models; the aim is 1 MB

WITHOUT_PYTORCH = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "timm", "torchvision", "safetensors"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from openmer.cli import main
main()
"""


def build(project, folder, epoch, kind="wheel"):
    """The wheel or source distribution of a project, as a build front end makes it."""
    pytest.importorskip("hatchling", reason="the group dev is not installed")
    folder.mkdir()
    code = f"from hatchling.build import build_{kind} as f; print(f({str(folder)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return folder / done.stdout.split()[-1]


def run(folder, *words):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_PYTORCH, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_version_has_one_source():
    assert SETTINGS["project"]["dynamic"] == ["readme", "version"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert set(re.findall(r"(?m)^ *version: (.+)$", citation)) == {openmer.__version__}
    assert re.search(r"(?m)^date-released: \d{4}-\d\d-\d\d$", citation)


def test_every_file_names_the_same_repository():
    names = r"https://github\.com/(openmer/[\w-]+)"
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    for name in filter(None, files or []):
        path = ROOT / name
        if path.suffix in {".md", ".toml", ".cff", ".yml", ".yaml", ".ipynb"} and path.is_file():
            for found in re.findall(names, path.read_text(encoding="utf-8")):
                assert f"https://github.com/{found}" == REPOSITORY, name


def test_the_page_of_the_package_index_has_whole_links():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for rule in SETTINGS["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"][
        "substitutions"
    ]:
        text = re.sub(rule["pattern"], rule["replacement"], text)
    text = re.sub(r"(?ms)^ *```.*?^ *```", "", text)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(targets) > 20
    assert all(target.startswith(("https://", "#")) for target in targets)


def test_versions_of_python_are_said_where_they_are_tried():
    said = {each.rpartition(" ")[2] for each in SETTINGS["project"]["classifiers"] if "3." in each}
    matrix = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert said == set(re.findall(r'"(3\.\d+)"', matrix))


@pytest.mark.slow
def test_the_code_is_small_and_builds_to_the_same_bytes(tmp_path):
    pytest.importorskip("hatch_fancy_pypi_readme", reason="the group dev is not installed")
    first = build(ROOT, tmp_path / "a", 1_700_000_000)
    second = build(ROOT, tmp_path / "b", 1_700_000_000)
    assert first.read_bytes() == second.read_bytes()
    models = [
        "openmer/weights/default-model/model.safetensors",
        "openmer/weights/spotter.safetensors",
    ]
    with zipfile.ZipFile(first) as wheel:
        names = wheel.namelist()
        weights = sum(wheel.getinfo(name).compress_size for name in models)
        assert first.stat().st_size - weights <= CODE
    assert sorted(name for name in names if name.endswith(".safetensors")) == models
    assert {"openmer/py.typed", "openmer/__init__.pyi"} <= set(names)


@pytest.mark.slow
def test_the_source_distribution_has_all_but_the_weights(tmp_path):
    """So that tests, pages and workflows can be run from it."""
    made = build(ROOT, tmp_path / "s", 1_700_000_000, "sdist")
    with tarfile.open(made) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert not [name for name in names if name.startswith("packages/")]
    assert {"src/openmer/py.typed", "tests/conftest.py", "leaderboard/README.md", "mkdocs.yml",
            ".ci/run", ".github/workflows/ci.yml", "requirements/cpu.txt"} <= names  # fmt: skip


@pytest.mark.slow
def test_the_weights_are_a_distribution_of_their_own(tmp_path):
    if not WEIGHTS.is_dir():
        pytest.skip("a source distribution has no packages/weights")
    with zipfile.ZipFile(build(WEIGHTS, tmp_path / "w", 1_700_000_000)) as wheel:
        listed = wheel.read("openmer_weights/SHA256SUMS").decode().split()
        for digest, name in zip(listed[::2], listed[1::2], strict=True):
            assert hashlib.sha256(wheel.read(f"openmer_weights/{name}")).hexdigest() == digest
        (points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
        assert wheel.read(points).decode().split() == ["[openmer.weights]", "published", "=",
                                                       "openmer_weights"]  # fmt: skip


@pytest.mark.slow
def test_without_pytorch_one_reads_checks_reports_and_audits_predictions(tmp_path):
    assert run(tmp_path, "datasets", "synthesize", "made", "--size", "tiny").returncode == 0
    assert "kept     18" in run(tmp_path, "datasets", "check", "made/manifest.csv").stdout
    (tmp_path / "runs").mkdir()
    write_run(tmp_path / "runs")
    reported = run(tmp_path, "report", "runs", "--out", "report")
    assert reported.returncode == 0, reported.stderr
    assert (tmp_path / "report" / "report.html").is_file()
    lines = ["subject,clip,truth,predicted"]
    lines += [f"s{i % 4},c{i},{'ab'[i % 3 % 2]},{'ab'[i % 2]}" for i in range(16)]
    (tmp_path / "theirs.csv").write_text("\n".join(lines), encoding="utf-8")
    audited = run(tmp_path, "audit", "--predictions", "theirs.csv")
    assert "no mistake found" in audited.stdout, audited.stderr


def test_what_needs_pytorch_says_what_to_install(tmp_path):
    refused = run(tmp_path, "methods")
    assert refused.returncode == 2
    assert 'pip install "openmer[torch]"' in refused.stderr
