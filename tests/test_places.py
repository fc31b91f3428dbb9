"""A user without a home folder gets one message; ~ means the home folder."""

import posixpath
from pathlib import Path

import pytest

from openmer._places import user_path
from openmer.datasets._roots import config_file, find_root
from openmer.errors import ConfigError
from openmer.preprocessing._cache import default_cache_root


@pytest.fixture
def homeless(monkeypatch):
    monkeypatch.setattr(posixpath, "expanduser", lambda path: path)
    monkeypatch.delenv("OPENMER_CACHE", raising=False)
    monkeypatch.delenv("OPENMER_CONFIG", raising=False)


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OPENMER_CACHE", "~/x")
    assert default_cache_root() == tmp_path / "x"
    monkeypatch.delenv("OPENMER_CACHE")
    assert default_cache_root() == tmp_path / ".cache" / "openmer"
    assert user_path("/a/~b", "X") == Path("/a/~b")


def test_without_a_home_one_message_says_what_to_set(homeless):
    for look, variable in (
        (default_cache_root, "OPENMER_CACHE"),
        (config_file, "OPENMER_CONFIG"),
        (lambda: find_root("casme2"), "OPENMER_CONFIG"),
        (lambda: find_root("casme2", "~/data"), "OPENMER_CASME2_ROOT"),
    ):
        with pytest.raises(ConfigError, match=rf"no home folder.*or set {variable}"):
            look()


def test_without_a_home_what_is_named_serves(homeless, monkeypatch):
    monkeypatch.setenv("OPENMER_CACHE", "/c")
    monkeypatch.setenv("OPENMER_CONFIG", "/d/datasets.toml")
    assert default_cache_root() == Path("/c")
    assert find_root("casme2", "/data") == Path("/data")
