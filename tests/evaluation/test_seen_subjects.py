"""Whose pictures made some weights: from the images, from a card, from the card before it."""

import numpy as np
import pytest
import torch
from tests.builders import make_clip, make_task

from openmer.errors import DataError, ProtocolError
from openmer.evaluation import chose_settings, merged, seen_subjects, subjects_of_weights
from openmer.evaluation._seen_subjects import SeenSubjects, content_of, refuse_searched
from openmer.methods import load_method
from openmer.models import save_weights
from openmer.models._weights import list_weights
from openmer.pretraining import ImageSet, subjects_of_images
from openmer.training import Searched


def image_set(subjects, corpora):
    images = np.zeros((len(corpora), 1, 16, 16), np.uint8)
    targets = np.zeros(len(corpora), np.int64)
    return ImageSet(
        images=images, targets=targets, num_classes=1, subjects=subjects, corpora=corpora
    )


def store(folder, card):
    path = folder / "w.safetensors"
    save_weights(path, {"a": torch.zeros(1)}, card)
    return str(path)


def old_card(**changes):
    """As cards were before they named subjects."""
    return {
        "data": {"corpora": {"fer2013": {}}, "subjects_named": False},
        "start": {"from": "scratch"},
    } | changes


def test_subjects_and_corpora_without_subjects_are_told_from_the_images():
    found = subjects_of_images(
        image_set(("a/2", "", "a/1", "a/2", ""), ("a", "web", "a", "a", "a"))
    )
    assert found == SeenSubjects(named=("a/1", "a/2"), unnamed=("a", "web"))
    assert subjects_of_images(image_set((), ("web", "web"))) == SeenSubjects(unnamed=("web",))


def test_what_a_card_records_is_read_back(tmp_path):
    seen = SeenSubjects(named=("a/1", "b/1"), unnamed=("web",), unknown=("x.safetensors",))
    assert subjects_of_weights(store(tmp_path, {"subjects": seen.record()})) == seen


def test_random_weights_have_seen_nobody_and_those_of_imagenet_nobody_by_name():
    assert subjects_of_weights("") == subjects_of_weights("scratch") == SeenSubjects()
    assert subjects_of_weights("imagenet") == SeenSubjects(unnamed=("imagenet",))


def test_everybody_of_several_pretrainings_is_kept():
    first = SeenSubjects(named=("b/1", "a/1"), unnamed=("web",))
    second = SeenSubjects(named=("a/1",), unknown=("x.safetensors",))
    assert merged([first, second]) == SeenSubjects(
        named=("a/1", "b/1"), unnamed=("web",), unknown=("x.safetensors",)
    )


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (old_card(), SeenSubjects(unnamed=("fer2013",))),
        (
            old_card(start={"from": "imagenet"}),
            SeenSubjects(unnamed=("fer2013", "imagenet")),
        ),
        (
            old_card(start={"from": "x.safetensors"}),
            SeenSubjects(unnamed=("fer2013",), unknown=("x.safetensors",)),
        ),
        (
            old_card(data={"corpora": {"ckplus": {}}, "subjects_named": True}),
            SeenSubjects(unknown=("w.safetensors",)),
        ),
        ({}, SeenSubjects(unknown=("w.safetensors",))),
        ({"data": "none"}, SeenSubjects(unknown=("w.safetensors",))),
        ({"subjects": {"named": "casme2/sub01"}}, SeenSubjects(unknown=("w.safetensors",))),
        ({"subjects": {"named": [1]}}, SeenSubjects(unknown=("w.safetensors",))),
    ],
)
def test_a_card_that_names_nobody_tells_no_more_than_it_says(tmp_path, card, expected):
    assert subjects_of_weights(store(tmp_path, card)) == expected


@pytest.mark.parametrize("name", list_weights())
def test_the_weights_of_the_package_have_seen_nobody_by_name(name):
    seen = subjects_of_weights(name)
    assert seen.unnamed
    assert (seen.named, seen.unknown) == ((), ())


def test_subjects_are_compared_for_equality(tmp_path):
    named = ["demo/s1", "demo/s44", "other/s2"]
    task = make_task(
        overrides=(f"model.weights={store(tmp_path, {'subjects': {'named': named}})}",)
    )
    assert "demo/s4" in task.subjects
    assert seen_subjects(task) == ("demo/s1",)
    assert seen_subjects(make_task()) == ()
    assert seen_subjects(make_task("flow-svm")) == ()


def test_missing_weights_are_named():
    with pytest.raises(DataError, match=r"no file of weights gone\.safetensors"):
        subjects_of_weights("gone.safetensors")


def test_clips_that_chose_settings_are_known_by_their_contents(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    flow = [make_clip(subject=name, flow_path=tmp_path / f"{name}.png") for name in ("a", "b")]
    frames = make_clip(subject="c", frame_paths=(tmp_path / "a.png",) * 5)
    assert len({content_of(clip) for clip in (*flow, frames)}) == 3
    gone = make_clip(flow_path=tmp_path / "gone.png")
    assert content_of(gone) == content_of(make_clip()) == ""
    searched = Searched(
        subjects=("other/a",), clips=1, sampler="tpe", trials=1, score="uf1", inner_score=0.5,
        inner_folds=2, seed=0, settings={}, contents=(content_of(flow[0]),),
    )  # fmt: skip
    method = load_method("flow-svm").model_copy(update={"searched": searched})
    assert chose_settings(method, ["demo/a", "demo/b"], flow) == ("demo/a",)
    assert chose_settings(method, ["demo/a", "demo/b"]) == ()
    with pytest.raises(ProtocolError, match="demo/a"):
        refuse_searched(method, ["demo/a"], flow)
