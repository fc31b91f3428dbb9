"""``openmer datasets``: list, access, check, fake."""

import dataclasses
import json

import pytest
from typer.testing import CliRunner

from openmer.cli.datasets import app
from openmer.datasets import list_datasets
from openmer.datasets._manifest import write_manifest
from openmer.datasets.fakes import write_fake
from openmer.datasets.smic import FACTS
from openmer.errors import ConfigError, DataError

run = CliRunner()


def test_list_names_every_corpus():
    result = run.invoke(app, ["list"])
    assert result.exit_code == 0
    assert all(name in result.stdout for name in list_datasets())
    records = json.loads(run.invoke(app, ["list", "--json"]).stdout)
    assert [record["name"] for record in records] == list_datasets()


def test_access_says_how_to_ask_and_what_is_not_known():
    result = run.invoke(app, ["access", "smic"])
    assert FACTS.access in result.stdout
    assert "OPENMER_SMIC_ROOT" in result.stdout
    assert "Clips per word in VIS and NIR" in result.stdout


def test_fake_then_check(tmp_path):
    root = str(tmp_path / "all")
    assert run.invoke(app, ["fake", "megc2019", root, "--full", "--names-only"]).exit_code == 0
    result = run.invoke(app, ["check", "megc2019", root, "--frames", "none"])
    assert result.exit_code == 0, result.stdout
    assert "442" in result.stdout
    assert "EP12_01f" in result.stdout


def test_check_of_a_copy_that_is_not_whole_ends_with_3(tmp_path):
    root = write_fake("smic", tmp_path / "s", frames=False)
    result = run.invoke(app, ["check", "smic", str(root), "--frames", "none"])
    assert result.exit_code == 3
    assert "6 clips, expected 164" in result.stdout
    result = run.invoke(app, ["check", "smic", str(root), "--frames", "none", "--json"])
    record = json.loads(result.stdout)
    assert record["clips"] == 6
    assert any(problem["fatal"] for problem in record["problems"])


def test_check_of_nothing_says_how_to_ask(tmp_path):
    result = run.invoke(app, ["check", "smic", str(tmp_path)])
    assert result.exit_code == 3
    assert FACTS.access in result.stdout


def test_check_still_reads_a_manifest(tmp_path):
    from openmer.datasets import load_clips

    root = write_fake("smic", tmp_path / "s")
    write_manifest(tmp_path / "clips.csv", load_clips("smic", root))
    result = run.invoke(app, ["check", str(tmp_path / "clips.csv"), "--json"])
    assert json.loads(result.stdout)["classes"] == {"negative": 2, "positive": 2, "surprise": 2}


def test_what_is_neither_suggests_a_corpus(tmp_path):
    for arguments in (["check", "casm2"], ["check", "casm2", str(tmp_path)]):
        result = run.invoke(app, arguments)
        assert isinstance(result.exception, ConfigError)
        assert "casme2" in str(result.exception)


@pytest.mark.parametrize("name", ["clips.csv", "no/clips.csv"])
def test_a_manifest_that_is_not_there_is_said_to_be_one(name):
    result = run.invoke(app, ["check", name])
    assert isinstance(result.exception, DataError)
    assert "manifest" in str(result.exception)


def test_a_manifest_with_headers_of_its_own_and_merged_cells(tmp_path):
    from openmer.datasets import load_clips

    root, path = write_fake("smic", tmp_path / "s"), tmp_path / "clips.csv"
    write_manifest(path, load_clips("smic", root))
    lines = path.read_text().replace("smic,", ",").splitlines()
    lines[1] = f"smic{lines[1]}"
    path.write_text("\n".join(lines).replace("label", "情绪", 1))
    assert run.invoke(app, ["check", str(path)]).exit_code == 1
    result = run.invoke(app, ["check", str(path), "--column", "label=情绪", "--json"])
    record = json.loads(result.stdout)
    assert record["classes"] == {"negative": 2, "positive": 2, "surprise": 2}
    assert record["notes"] == ["5 rows without a corpus were taken as of the one above"]


def test_what_is_in_doubt_is_told_before_the_labels_are_refused(tmp_path):
    from openmer.datasets import load_clips

    root, path = write_fake("smic", tmp_path / "s"), tmp_path / "clips.csv"
    clips = load_clips("smic", root)
    twin = dataclasses.replace(clips[0], subject=clips[0].subject.upper(), emotion="odd")
    write_manifest(path, [clips[0], twin])
    result = run.invoke(app, ["check", str(path)])
    assert isinstance(result.exception, DataError) and "'odd'" in str(result.exception)
    assert "subjects 2" in result.stdout and "ids to be checked" in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("casme2", "--fix", "x.csv"),
        ("casme2", "--label-scheme", "casme2-5"),
        ("x.csv", "--variant", "2019"),
        ("x.csv", "--frames", "raw"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(words):
    result = run.invoke(app, ["check", *words])
    assert isinstance(result.exception, ConfigError)
    assert f"Found {words[1]} beside" in str(result.exception)
