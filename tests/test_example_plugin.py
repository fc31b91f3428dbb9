"""The package of `examples/plugin`, installed into a fresh environment, serves every command."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from openmer.datasets import write_corpus

PACKAGE = Path(__file__).parent.parent / "examples" / "plugin"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Run Python of a fresh environment, which sees what is installed here."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, symlinks=os.name != "nt")
    paths = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=paths))
    here = sysconfig.get_path("purelib")
    (site / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n", encoding="utf-8")
    python = Path(sysconfig.get_path("scripts", "venv", vars=paths)) / "python"

    def run(*arguments, folder=None):
        done = subprocess.run(
            [python, *arguments], cwd=folder, capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    copy = folder.parent / "plugin"
    shutil.copytree(PACKAGE, copy)  # a build leaves files beside what it builds
    run("-m", "pip", "install", "--no-deps", "--no-build-isolation", "--quiet", str(copy))
    return run


COMMANDS = """
import json, sys
from openmer.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["openmer", *words]
    try:
        main()
    except SystemExit as end:
        if end.code:
            sys.exit(f"{words}: {end.code}")
"""


@pytest.mark.slow
def test_an_installed_plug_in_is_listed_evaluated_and_audited(environment, tmp_path):
    """All in one process: each that starts takes seconds to load PyTorch."""
    manifest = str(write_corpus(tmp_path / "corpus", "tiny"))
    given = ("plain-net", "--manifest", manifest)
    commands = [
        ("methods",),
        ("evaluate", *given, "--json", "--strategy", "side_by_side", "--workers", "2"),
        ("audit", *given, "--subjects", "1"),
    ]
    printed = environment("-c", COMMANDS, json.dumps(commands), folder=tmp_path)
    listed, _, after = printed.partition("{")
    assert "plain-net" in listed
    found, _ = json.JSONDecoder().raw_decode("{" + after)
    assert found["parameters"] == 2 * 7 * 7 * 3 + 3
    assert "clean" in printed


def test_the_package_is_small_and_not_installed_here():
    lines = [
        line
        for name in ("pyproject.toml", "openmer_plain_net/__init__.py")
        for line in (PACKAGE / name).read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    assert len(lines) <= 30
    assert "openmer_plain_net" not in sys.modules
