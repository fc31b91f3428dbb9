"""What the papers pretrained on: the counts they state, from names at true size."""

from collections import Counter

import pytest

from openmer import datasets
from openmer.clip import Image
from openmer.datasets import OwnImages, label_scheme, load_pretraining, pretraining_scheme
from openmer.datasets._labels import list_label_schemes
from openmer.datasets._pretraining import group, list_pretraining_schemes
from openmer.datasets.fakes import write_fake
from openmer.errors import ConfigError, ProtocolError


@pytest.fixture(scope="module")
def fer2013(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fer") / "fer2013"
    return write_fake("fer2013", folder, full=True, frames=False)


def counts(made):
    return sorted(Counter(made.targets).items())


def test_efficient_me_imbalanced(fer2013):
    made = load_pretraining("efficient-me-imbalanced", {"fer2013": fer2013})
    assert counts(made) == [(0, 16698), (1, 8989), (2, 4002)]
    assert len(made.images) == 29689
    assert made.differences == ()


def test_efficient_me_balanced(fer2013):
    made = load_pretraining("efficient-me-balanced", {"fer2013": fer2013})
    assert counts(made) == [(0, 4002), (1, 4002), (2, 4002)]
    assert len(made.images) == len(set(made.images)) == 12006
    assert made.differences == ()


def test_the_seed_decides_what_a_balanced_scheme_keeps(tmp_path):
    words = ["happy"] * 9 + ["sad"] * 20 + ["surprise"] * 5
    images = [
        Image(corpus="fer2013", name=str(at), emotion=word, path=tmp_path, row=at)
        for at, word in enumerate(words)
    ]
    scheme = pretraining_scheme("efficient-me-balanced")
    first, again, other = (group(scheme, images, seed=seed) for seed in (0, 0, 1))
    assert counts(first) == [(0, 5), (1, 5), (2, 5)]
    assert first == again
    assert first.images != other.images


def test_corpora_are_merged_and_balanced(tmp_path):
    roots = {
        name: write_fake(name, tmp_path / name, frames=name == "ckplus")
        for name in ("ckplus", "fer2013", "rafdb")
    }
    images = [
        image
        for name, root in roots.items()
        for image in datasets.load_images(name, root, frames=None if name == "ckplus" else "none")
    ]
    made = group(pretraining_scheme("dense-attention"), images)
    assert {image.corpus for image in made.images} == set(roots)
    assert len(set(Counter(made.targets).values())) == 1
    assert not {"neutral"} & {image.emotion for image in made.images}
    assert (made.left_out, made.differences) == ((), ())


@pytest.fixture(scope="module")
def merged(tmp_path_factory):
    """Fake copies of the corpora that dense-attention merges."""
    folder = tmp_path_factory.mktemp("merged")
    return {name: write_fake(name, folder / name) for name in ("ckplus", "rafdb", "fer2013")}


def corpora_of(made):
    return tuple(dict.fromkeys(image.corpus for image in made.images))


@pytest.mark.parametrize("names", [("ckplus",), ("fer2013",), ("fer2013", "ckplus")])
def test_of_merged_corpora_those_that_are_given_are_read(merged, names):
    made = load_pretraining("dense-attention", {name: merged[name] for name in names})
    assert made.corpora == corpora_of(made) == tuple(sorted(names))
    titles = {"ckplus": "CK+", "rafdb": "RAF-DB", "fer2013": "FER2013"}
    assert set(made.left_out) == set(titles) - set(names)
    told = {f"{titles[name]} is left out, the paper has it" for name in set(titles) - set(names)}
    assert set(made.differences) == told


def test_where_none_is_given_all_that_are_known_are_read(merged, monkeypatch):
    monkeypatch.setenv("OPENMER_RAFDB_ROOT", str(merged["rafdb"]))
    monkeypatch.setenv("OPENMER_CKPLUS_ROOT", str(merged["ckplus"]))
    made = load_pretraining("dense-attention")
    assert (made.corpora, made.left_out) == (("ckplus", "rafdb"), ("fer2013",))
    given = load_pretraining("dense-attention", {"ckplus": merged["ckplus"]})
    assert (given.corpora, given.left_out) == (("ckplus",), ("rafdb", "fer2013"))


@pytest.mark.parametrize("name", ["dense-attention", "mobilevit-svm"])
def test_none_at_hand_is_one_error_that_names_them_all(name):
    with pytest.raises(ConfigError, match="any of these will do") as caught:
        load_pretraining(name)
    for corpus in pretraining_scheme(name).corpora:
        assert f"{datasets.facts(corpus).title} ({corpus})" in str(caught.value)
    for way in ("--root ckplus=PATH", "OPENMER_CKPLUS_ROOT", "[roots]", "--images", "access"):
        assert way in str(caught.value)


def test_a_scheme_of_one_corpus_needs_it():
    with pytest.raises(ConfigError, match=r"Where is the corpus 'fer2013'.*--root fer2013=PATH"):
        load_pretraining("efficient-me-balanced")


def test_a_root_of_another_corpus_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'rafdb'"):
        load_pretraining("dense-attention", {"raf": tmp_path})


def own_images(folder, words=("happy", "sad", "surprise", "neutral")):
    images = tuple(
        Image(corpus="lab", subject=f"s{at}", name=word, emotion=word, path=folder / f"{word}.png")
        for at, word in enumerate(words)
    )
    return OwnImages(images=images, file="faces.csv", sha256="0" * 64)


@pytest.mark.parametrize("name", ["dense-attention", "efficient-me-imbalanced"])
def test_images_of_ones_own_are_used_alone(tmp_path, name, merged, monkeypatch):
    monkeypatch.setenv("OPENMER_FER2013_ROOT", str(merged["fer2013"]))
    made = load_pretraining(name, own=own_images(tmp_path))
    assert [image.subject_id for image in made.images] == ["lab/s0", "lab/s1", "lab/s2"]
    assert made.targets == (1, 0, 2)
    assert (made.corpora, made.left_out) == ((), tuple(pretraining_scheme(name).corpora))
    assert "4 images come from faces.csv, the paper has none of them" in made.differences


def test_images_of_ones_own_are_merged_with_the_corpora_that_are_given(tmp_path, merged):
    own = own_images(tmp_path)
    made = load_pretraining("efficient-me-imbalanced", {"fer2013": merged["fer2013"]}, own=own)
    assert corpora_of(made) == ("fer2013", "lab")
    assert (made.corpora, made.left_out) == (("fer2013",), ())
    assert made.images[-3:] == own.images[:3]


def test_images_of_ones_own_must_show_every_class(tmp_path):
    with pytest.raises(ProtocolError, match="No clip of class surprise"):
        load_pretraining("dense-attention", own=own_images(tmp_path, ("happy", "sad")))


def test_differences_are_said(tmp_path):
    root = write_fake("fer2013", tmp_path / "f")
    made = load_pretraining("efficient-me-imbalanced", {"fer2013": root})
    assert len(made.differences) == 3
    assert "8 images of class negative" in made.differences[0]


def test_mobilevit_svm_leaves_fear_and_contempt_out(tmp_path):
    images = [
        Image(corpus="ckplus", name=word, emotion=word, path=tmp_path / word)
        for word in ("anger", "contempt", "fear", "sadness", "happy", "surprise")
    ]
    made = group(pretraining_scheme("mobilevit-svm"), images)
    assert [image.name for image in made.images] == ["anger", "sadness", "happy", "surprise"]
    assert sum(pretraining_scheme("mobilevit-svm").counts.values()) == 9342


@pytest.mark.parametrize("name", list_pretraining_schemes())
def test_every_scheme_groups_every_word_of_its_corpora(name):
    scheme = pretraining_scheme(name)
    labels = label_scheme(scheme.label_scheme)
    assert scheme.source
    assert set(scheme.counts or labels.classes) == set(labels.classes)
    for corpus, per_sequence in scheme.corpora.items():
        facts = datasets.facts(corpus)
        assert bool(per_sequence) == bool(facts.per_sequence)
        for counts in facts.variants.values():
            for word in counts.words:
                labels.index_of(word)


def test_affectnet_can_be_grouped_as_well():
    for word in datasets.facts("affectnet").variants["training"].words:
        label_scheme("macro-3").index_of(word)


def test_casme3_in_three_classes(tmp_path):
    root = write_fake("casme3", tmp_path / "c", full=True, frames=False)
    scheme = label_scheme("casme3-3")
    found = Counter(
        scheme.index_of(c.emotion) for c in datasets.load("casme3", root, frames="none")
    )
    assert (found[0], found[1], found[2]) == (457, 55, 187)


@pytest.mark.parametrize("name", list_label_schemes())
def test_label_schemes_are_whole(name):
    scheme = label_scheme(name)
    assert {*scheme.words.values(), scheme.outside} >= set(scheme.classes)
    assert not set(scheme.dropped) & set(scheme.words)
    assert scheme.source


def test_unknown_schemes_suggest_a_near_one():
    with pytest.raises(ConfigError, match="efficient-me-balanced"):
        pretraining_scheme("efficient-me-balance")
