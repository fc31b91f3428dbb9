"""`openmer study`: what needs no clips runs without them, and what needs some says so."""

import pytest
from PIL import Image as Picture

from openmer.cli.study import KINDS
from openmer.datasets import read_manifest, write_corpus
from openmer.datasets.fakes import write_fake
from openmer.reproduction import Study

OWN = """
title = "Two methods without a network"
kind = "{kind}"
source = "ours"
method = "flow-svm"
parts = ["full", "synth-a", "synth-b"]

[[rows]]
label = "support vector machine"

[[rows]]
label = "of other images"
set = ["training.flipped_copies=false"]

[[rows]]
label = "of one's own weights"
weights = "mine"
"""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"), "tiny")


def test_every_kind_of_study_has_what_makes_it():
    (kinds,) = (field.annotation for name, field in Study.model_fields.items() if name == "kind")
    assert set(KINDS) == set(kinds.__args__)


def test_printed_t_tests_need_no_clips(openmer, tmp_path):
    code, shown, told = openmer("study", "dense-attention/t-tests")
    assert code == 0, told
    assert "22 of 22" in " ".join(shown.split()) and "Give clips" in told
    written = (tmp_path / "runs" / "studies" / "dense-attention-t-tests.md").read_text()
    assert "| MERASTC | UF1 | 0.1627 | 0.1627 | rounded | 0.3253 |" in written


def test_weights_that_a_study_would_not_use_are_refused(openmer):
    code, _, told = openmer("study", "dense-attention/size", "--weights", f"mine={__file__}")
    assert code == 2 and "'mine'" in told


def test_a_study_without_its_clips_is_an_error(openmer):
    code, _, told = openmer("study", "dense-attention/composite")
    assert code != 0 and "--manifest" in told


def test_a_study_of_one_corpus_refuses_clips_of_others(openmer, manifest):
    code, _, told = openmer("study", "dense-attention/casme2", "--manifest", manifest)
    assert code == 3 and "Give --corpus casme2" in " ".join(told.split())


@pytest.mark.parametrize("kind", ["scores", "t-tests"])
def test_a_study_of_ones_own_shows_parts_and_compares(kind, openmer, tmp_path, manifest):
    path = tmp_path / "own.toml"
    path.write_text(OWN.format(kind=kind))
    code, shown, told = openmer("study", path, "--manifest", manifest, "--workers", 1, "--leaky")
    assert code == 0, told
    assert "LEAKY" not in shown and "--leaky is left out" in told
    written = "".join(p.read_text() for p in (tmp_path / "runs" / "studies").glob("*.md"))
    assert "not run, needs weights: --weights mine=FILE" in written
    assert ("| support vector machine | synth-a |" in written) == (kind == "scores")
    assert ("| p by subject |" in written) == (kind == "t-tests")


SALIENCY = """
title = "Two networks"
kind = "saliency"
source = "ours"
method = "ststnet"
note = "As they are."

[[rows]]
label = "one epoch"
set = ["training.epochs=1"]

[[rows]]
label = "two"
set = ["training.epochs=2"]
"""


def test_a_study_of_saliency_draws_its_rows_on_the_clip_that_is_named(openmer, tmp_path, manifest):
    path = tmp_path / "saliency.toml"
    path.write_text(SALIENCY)
    key = read_manifest(manifest)[3].key
    command = ("study", path, "--manifest", manifest, "--workers", 1, "--clip")
    code, _, told = openmer(*command, key)
    assert code == 0, told
    assert "As they are." in told
    (picture,) = (tmp_path / "runs" / "studies").glob("*.png")
    assert picture.name == "saliency.png"
    with Picture.open(picture) as drawn:
        width, height = drawn.size
    assert width > height > 200
    other = read_manifest(manifest)[4].key
    assert openmer(*command, key, "--clip", other)[0] == 0
    first, second = (picture.with_name(f"saliency-{number}.png") for number in (1, 2))
    assert first.read_bytes() == picture.read_bytes() != second.read_bytes()
    code, _, told = openmer(*command, "synth-a/nobody/x")
    assert code != 0 and "There is no clip" in told


MACRO = """
title = "Macro beside micro"
kind = "macro"
source = "ours"
method = "dense-attention"

[[rows]]
label = "as stated"
set = ["recipe.align.size=32", "recipe.align.detector=haar"]
"""


def test_macro_expressions_stand_beside_magnified_frames(openmer, tmp_path, manifest, monkeypatch):
    path = tmp_path / "macro.toml"
    path.write_text(MACRO)
    monkeypatch.setenv("OPENMER_FER2013_ROOT", str(write_fake("fer2013", tmp_path / "fer2013")))
    code, _, told = openmer("study", path, "--manifest", manifest)
    assert code == 0, told
    (picture,) = (tmp_path / "runs" / "studies").glob("*.png")
    with Picture.open(picture) as drawn:
        width, height = drawn.size
    assert height > 900 and width > 900, "three classes, three pictures of each"
    monkeypatch.delenv("OPENMER_FER2013_ROOT")
    code, _, told = openmer("study", path, "--manifest", manifest)
    assert code == 2 and "fer2013" in told
