"""Where clips come from: a corpus compared with a whole one, or a manifest named by its bytes."""

import hashlib

import pytest

from openmer.datasets import casme2, from_corpus, from_manifest, load_clips, write_corpus
from openmer.datasets._manifest import write_manifest
from openmer.datasets._source import clip_corpora
from openmer.datasets.fakes import write_fake
from openmer.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    folder = tmp_path_factory.mktemp("roots")
    return {name: write_fake(name, folder / name) for name in ("casme2", "samm", "smic")}


def test_a_copy_that_is_not_whole_says_what_it_lacks(roots):
    source = from_corpus("casme2", roots["casme2"])
    assert source.clips == load_clips("casme2", roots["casme2"])
    assert source.differences[:2] == (
        "casme2: 3 subjects, expected 26",
        "casme2: 14 clips, expected 255",
    )
    assert "14 clips, expected 255" in source.warning
    assert f"openmer datasets check casme2 {roots['casme2']} --variant 2014" in source.warning
    assert "\n" not in source.warning
    record = source.record()
    assert (record["corpus"], record["variant"], record["frames"]) == ("casme2", "2014", "raw")
    assert (record["clips"], record["clips_expected"]) == (14, 255)
    assert (record["subjects"], record["subjects_expected"]) == (3, 26)
    assert str(roots["casme2"]) not in str(record)


@pytest.mark.slow
def test_a_whole_copy_has_no_warning(tmp_path):
    source = from_corpus("samm", write_fake("samm", tmp_path / "s", full=True), strict=True)
    assert (len(source.clips), source.differences, source.warning) == (159, (), "")
    assert "differences" not in source.record()
    assert set(source.corrections) == {"samm"}


def test_a_clip_that_cannot_be_read_is_a_difference_or_refused(tmp_path):
    root = write_fake("casme2", tmp_path / "c")
    lost = load_clips("casme2", root)[3]
    for path in lost.frame_paths:
        path.unlink()
    source = from_corpus("casme2", root)
    assert len(source.clips) == 13
    assert any(text.startswith(f"{lost.key}: ") for text in source.differences)
    with pytest.raises(DataError, match=lost.key):
        from_corpus("casme2", root, strict=True)


def test_a_composite_of_three_roots_or_of_one_is_the_same(roots, monkeypatch):
    named = from_corpus("megc2019", roots)
    together = from_corpus("megc2019", roots["casme2"].parent)
    assert named.clips == together.clips
    assert {clip.corpus for clip in named.clips} == {"casme2", "samm", "smic"}
    monkeypatch.setenv("OPENMER_SMIC_ROOT", str(roots["smic"]))
    others = {name: roots[name] for name in ("casme2", "samm")}
    assert from_corpus("megc2019", others).clips == named.clips
    assert named.clips_expected == 442
    with pytest.raises(ConfigError, match="Did you mean 'casme2'"):
        from_corpus("megc2019", {"casm2": roots["casme2"]})
    with pytest.raises(DataError, match="expected 164"):
        from_corpus("megc2019", roots, strict=True)


def test_what_cannot_be_judged_is_refused(tmp_path):
    assert "fer2013" not in clip_corpora()
    with pytest.raises(ConfigError, match="holds images of macro-expressions"):
        from_corpus("fer2013", tmp_path)
    with pytest.raises(ConfigError, match="Did you mean 'casme2'"):
        from_corpus("casm2", tmp_path)
    with pytest.raises(ConfigError, match="needs frames"):
        from_corpus("casme2", tmp_path, frames="none")
    with pytest.raises(DataError, match=r"casme\.psych"):
        from_corpus("casme2", tmp_path)


def test_a_missing_root_says_where_to_set_it_and_how_to_ask_for_access():
    with pytest.raises(ConfigError) as error:
        from_corpus("casme2")
    for said in ("--root casme2=PATH", "OPENMER_CASME2_ROOT", "[roots]", casme2.FACTS.access):
        assert said in str(error.value)


def test_a_manifest_is_named_by_its_file_and_its_bytes(roots, tmp_path):
    path = tmp_path / "clips.csv"
    write_manifest(path, load_clips("smic", roots["smic"]))
    source = from_manifest(path)
    assert source.record() == {
        "kind": "manifest",
        "manifest": "clips.csv",
        "title": "clips.csv",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "clips": 6,
        "subjects": 3,
    }
    assert source.warning == ""


def test_faces_are_declared_for_all_clips_and_recorded(tmp_path):
    source = from_manifest(write_corpus(tmp_path / "corpus", "tiny"))
    assert "cropped" not in source.record()
    cropped = source.with_faces(cropped=True)
    assert cropped.record()["cropped"] == len(source.clips)
    assert cropped.with_faces(cropped=False) == source
