"""Option, environment, config file: in this order."""

import pytest

from openmer.datasets import config_file, variable
from openmer.datasets._roots import column_names, find_root, known_root, sheet_name
from openmer.errors import ConfigError


@pytest.fixture
def config(tmp_path, monkeypatch):
    path = tmp_path / "datasets.toml"
    path.write_text('[roots]\ncasme2 = "/data/CASME2"\nsamm = "samm"\n')
    monkeypatch.setenv("OPENMER_CONFIG", str(path))
    monkeypatch.delenv("OPENMER_CASME2_ROOT", raising=False)
    return path


def test_the_option_wins(config, monkeypatch, tmp_path):
    monkeypatch.setenv(variable("casme2"), "/from/environment")
    assert find_root("casme2", tmp_path) == tmp_path
    assert str(find_root("casme2")) == "/from/environment"
    monkeypatch.delenv(variable("casme2"))
    assert str(find_root("casme2")) == "/data/CASME2"


def test_a_path_in_the_file_is_relative_to_the_file(config):
    assert find_root("samm") == config.parent / "samm"


def test_an_unknown_root_names_the_three_places(config):
    with pytest.raises(ConfigError) as error:
        find_root("smic")
    assert "option" in str(error.value)
    assert "OPENMER_SMIC_ROOT" in str(error.value)
    assert str(config) in str(error.value)


def test_whether_a_root_is_known_can_be_asked(config):
    assert known_root("samm") == config.parent / "samm"
    assert known_root("smic") is None


def test_the_default_config_file(monkeypatch):
    monkeypatch.delenv("OPENMER_CONFIG", raising=False)
    assert config_file().parts[-3:] == (".config", "openmer", "datasets.toml")


@pytest.mark.parametrize("text", ["[roots", "roots = 3\n", "[roots]\ncasme2 = 2\n"])
def test_a_broken_config_file_is_named(config, text):
    config.write_text(text)
    with pytest.raises(ConfigError, match=r"datasets\.toml"):
        find_root("casme2")


def test_a_config_file_in_another_encoding_is_said(config):
    config.write_bytes('[roots]\ncasme2 = "/data/é"\n'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"datasets\.toml is not UTF-8: byte 0xe9 in line 2"):
        known_root("casme2")


def test_columns_and_sheets_of_the_file(config):
    known = {"subject": ("Subject",), "clip": ("Filename",)}
    assert column_names("casme2", known) == known
    assert sheet_name("casme2") is None
    config.write_text('[sheets]\ncasme2 = "a.xlsx"\n[columns.casme2]\nsubject = ["Who", "ID"]\n')
    assert column_names("casme2", known)["subject"] == ("Who", "ID", "Subject")
    assert column_names("samm", known) == known
    assert sheet_name("casme2") == "a.xlsx"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("columns = 3", r"\[columns\] in .*datasets\.toml is 3"),
        ("[columns]\ncasme2 = 3", r"\[columns\] in .* is {'casme2': 3}"),
        ('[columns.casme2]\nsubjet = "Who"', "Did you mean 'subject'"),
        ("[columns.casme2]\nsubject = 3", "expected a header of the sheet"),
        ("[sheets]\ncasme2 = 3", r"\[sheets\] in .* expected lines such as casme2 ="),
    ],
)
def test_a_file_of_another_form_is_named(config, text, message):
    config.write_text(text)
    with pytest.raises(ConfigError, match=message):
        (column_names("casme2", {"subject": ("Subject",)}), sheet_name("casme2"))
