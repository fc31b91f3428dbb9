"""The weights that come with the package: small, whole, and honest about what they are."""

import pytest
import torch

from openmer.methods import list_methods, load_method
from openmer.models import create_model, load_weights
from openmer.models._weights import list_weights
from openmer.training import Pretraining


@pytest.mark.parametrize("name", list_weights())
def test_a_card_says_what_they_learned_how_well_and_for_what(name):
    card = load_weights(name).card
    assert card["command"].startswith("openmer pretrain")
    assert {"seed", "versions", "data", "scores", "epochs", "pretraining", "classes"} <= set(card)
    assert 0 < card["scores"]["accuracy"] < 1 and 0 < card["scores"]["uf1"] < 1
    assert set(card["scores"]["recall"]) == set(card["classes"])
    assert "research" in str(card["use"]).lower()


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("efficient-me", 868_307),
        ("dense-attention", 3_097_053),
        ("mobilevit-svm", 4_951_811),
    ],
)
def test_a_method_starts_from_them_with_every_number_in_its_place(name, numbers):
    method = load_method(name)
    state = load_weights(method.model.weights).state
    model = create_model(method.model.name, **method.model.parameters)
    model.load_state_dict(state)
    found = sum(value.numel() for name, value in state.items() if "num_batches" not in name)
    assert found == numbers
    assert all(torch.isfinite(value).all() for value in state.values() if value.is_floating_point())


@pytest.mark.parametrize("name", list_weights())
def test_the_card_was_made_by_the_settings_of_the_method(name):
    made = Pretraining.model_validate(load_weights(name).card["pretraining"])
    assert made == load_method(name).pretraining


def test_every_method_that_names_weights_of_the_package_finds_them():
    named = {
        method.model.weights
        for method in map(load_method, list_methods())
        if method.model and method.model.weights and "/" not in method.model.weights
    }
    assert named <= {*list_weights(), "imagenet"}
