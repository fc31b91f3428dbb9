"""A method with weights of its own is a model that says what it was trained on."""

import numpy as np
import pytest
import torch
from tests.deployment.image_set import write_method

from openmer.deployment import packaged_model
from openmer.errors import ConfigError, DataError
from openmer.models import create_model, save_weights

CARD = {
    "classes": ["negative", "positive", "surprise"],
    "seed": 3,
    "epochs": {"best": 7},
    "pretraining": {"size": 48},
    "data": {"shape": [1, 48, 48], "corpora": {"fer2013": {"title": "FER2013"}}},
    "scores": {"accuracy": 0.75},
}


def method_with(folder, card, change=dict):
    """A method file with weights of one MBConv block and that card."""
    torch.manual_seed(0)
    model = create_model("efficient_me", depth=1)
    save_weights(folder / "w.safetensors", change(model.state_dict()), card)
    return str(write_method(folder, weights=folder / "w.safetensors")), model.eval()


def test_it_scores_gray_images_of_the_size_it_was_trained_at(tmp_path):
    method, network = method_with(tmp_path, CARD)
    model = packaged_model(method)
    assert model.record.input_shape == (1, 48, 48)
    assert (model.record.seed, model.record.epoch) == (3, 7)
    gray = np.random.default_rng(0).uniform(0, 255, (48, 48)).astype(np.float32)
    with torch.no_grad():
        expected = torch.softmax(network(torch.from_numpy(gray)[None, None]), 1)[0].numpy()
    colours = np.repeat(gray[:, :, None], 3, axis=2)
    assert np.allclose(model.scores(model.prepare_image(colours)[None]), expected, atol=1e-5)
    assert np.allclose(model.scores(gray[None, None])[0], expected, atol=1e-6)


def test_it_says_that_it_has_seen_macro_expressions_only(tmp_path):
    record = packaged_model(method_with(tmp_path, CARD)[0]).record
    assert "macro-expression images (FER2013; accuracy" in record.caution
    assert "only and never on a micro-expression" in record.caution
    assert record.estimate is None


def test_a_card_that_says_little_is_enough(tmp_path):
    record = packaged_model(method_with(tmp_path, {})[0]).record
    assert record.input_shape == (3, 32, 32)
    assert "macro-expression images only" in record.caution


def test_weights_that_are_no_model_are_refused(tmp_path):
    def beheaded(state):
        return {name: value for name, value in state.items() if not name.startswith("head.")}

    with pytest.raises(DataError, match=r"no head.*openmer train"):
        packaged_model(method_with(tmp_path, CARD, beheaded)[0])
    (tmp_path / "b").mkdir()
    other = CARD | {"classes": ["happy", "sad", "angry"]}
    with pytest.raises(DataError, match="tell happy, sad, angry apart"):
        packaged_model(method_with(tmp_path / "b", other)[0])
    with pytest.raises(ConfigError, match=r"no trained weights.*openmer train"):
        packaged_model("ststnet")
    with pytest.raises(ConfigError, match="no trained weights"):
        packaged_model("flow-svm")
