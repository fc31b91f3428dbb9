"""Whose pictures made some weights: from the images, from a card, from the card before it."""

import numpy as np
import pytest
import torch
from tests.builders import make_task

from openmer.errors import DataError
from openmer.evaluation import merged, persons_of_weights, seen_persons
from openmer.evaluation._seen_subjects import SeenPersons
from openmer.models import save_weights
from openmer.models._weights import list_weights
from openmer.pretraining import Stills, persons_of_stills


def stills(persons, corpora):
    images = np.zeros((len(corpora), 1, 16, 16), np.uint8)
    targets = np.zeros(len(corpora), np.int64)
    return Stills(images=images, targets=targets, num_classes=1, persons=persons, corpora=corpora)


def store(folder, card):
    path = folder / "w.safetensors"
    save_weights(path, {"a": torch.zeros(1)}, card)
    return str(path)


def old_card(**changes):
    """As cards were before they named persons."""
    return {
        "data": {"corpora": {"fer2013": {}}, "persons_named": False},
        "start": {"from": "scratch"},
    } | changes


def test_persons_and_corpora_without_persons_are_told_from_the_images():
    found = persons_of_stills(stills(("a/2", "", "a/1", "a/2", ""), ("a", "web", "a", "a", "a")))
    assert found == SeenPersons(named=("a/1", "a/2"), unnamed=("a", "web"))
    assert persons_of_stills(stills((), ("web", "web"))) == SeenPersons(unnamed=("web",))


def test_what_a_card_records_is_read_back(tmp_path):
    seen = SeenPersons(named=("a/1", "b/1"), unnamed=("web",), unknown=("x.safetensors",))
    assert persons_of_weights(store(tmp_path, {"persons": seen.record()})) == seen


def test_random_weights_have_seen_nobody_and_those_of_imagenet_nobody_by_name():
    assert persons_of_weights("") == persons_of_weights("scratch") == SeenPersons()
    assert persons_of_weights("imagenet") == SeenPersons(unnamed=("imagenet",))


def test_everybody_of_several_pretrainings_is_kept():
    first = SeenPersons(named=("b/1", "a/1"), unnamed=("web",))
    second = SeenPersons(named=("a/1",), unknown=("x.safetensors",))
    assert merged([first, second]) == SeenPersons(
        named=("a/1", "b/1"), unnamed=("web",), unknown=("x.safetensors",)
    )


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (old_card(), SeenPersons(unnamed=("fer2013",))),
        (
            old_card(start={"from": "imagenet"}),
            SeenPersons(unnamed=("fer2013", "imagenet")),
        ),
        (
            old_card(start={"from": "x.safetensors"}),
            SeenPersons(unnamed=("fer2013",), unknown=("x.safetensors",)),
        ),
        (
            old_card(data={"corpora": {"ckplus": {}}, "persons_named": True}),
            SeenPersons(unknown=("w.safetensors",)),
        ),
        ({}, SeenPersons(unknown=("w.safetensors",))),
        ({"data": "none"}, SeenPersons(unknown=("w.safetensors",))),
        ({"persons": {"named": "casme2/sub01"}}, SeenPersons(unknown=("w.safetensors",))),
        ({"persons": {"named": [1]}}, SeenPersons(unknown=("w.safetensors",))),
    ],
)
def test_a_card_that_names_nobody_tells_no_more_than_it_says(tmp_path, card, expected):
    assert persons_of_weights(store(tmp_path, card)) == expected


@pytest.mark.parametrize("name", list_weights())
def test_the_weights_of_the_package_have_seen_nobody_by_name(name):
    seen = persons_of_weights(name)
    assert seen.unnamed
    assert (seen.named, seen.unknown) == ((), ())


def test_persons_are_compared_for_equality(tmp_path):
    named = ["demo/s1", "demo/s44", "other/s2"]
    task = make_task(overrides=(f"model.weights={store(tmp_path, {'persons': {'named': named}})}",))
    assert "demo/s4" in task.persons
    assert seen_persons(task) == ("demo/s1",)
    assert seen_persons(make_task()) == ()
    assert seen_persons(make_task("flow-svm")) == ()


def test_missing_weights_are_named():
    with pytest.raises(DataError, match=r"no file of weights gone\.safetensors"):
        persons_of_weights("gone.safetensors")
