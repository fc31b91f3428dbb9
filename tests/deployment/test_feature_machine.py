"""A model that ends in an SVM on a network's features: stored, read, exported and explained."""

from dataclasses import replace

import numpy as np
import pytest
from tests.builders import make_data, make_task

from openmer.deployment import export_model, read_model, train_model, write_model
from openmer.explanation import ExplainedNetwork, draw_saliency_map, explain
from openmer.training import Resources

SETTINGS = (
    "model.name=efficient_me",
    "model.parameters={depth = 1}",
    "recipe=[{step = 'apex_frame', size = 32}]",
    "training.flip_probability=0.0",
    "training.standardize=false",
    "training.oversample={copies = 1}",
    "training.classifier={kind = 'svm', kernel = ['linear', 'rbf']}",
)


@pytest.fixture(scope="module")
def task():
    data = make_data(size=32, flipped=False)
    data = replace(data, inputs=(128 + 25 * data.inputs).clip(0, 255))
    return make_task("flow-mlp", SETTINGS, data)


@pytest.fixture(scope="module")
def model(task):
    return train_model(task, resources=Resources(device="cpu"))


def test_it_is_read_back_with_the_same_scores(model, task, tmp_path):
    assert model.record.kind == "svm" and "decision value" in model.record.meaning
    write_model(tmp_path / "model", model)
    read = read_model(tmp_path / "model")
    inputs = task.data.inputs[:5]
    np.testing.assert_array_equal(read.scores(inputs), model.scores(inputs))


def test_it_is_exported_whole(model, tmp_path):
    pytest.importorskip("onnxruntime")
    assert export_model(model, tmp_path / "m.onnx").largest_difference < 1e-4


def test_its_saliency_is_that_of_the_decision_value(model, task):
    pytest.importorskip("captum")
    by = ExplainedNetwork(
        network=model.network,
        title="x",
        recipe=model.recipe,
        classes=model.record.classes,
        origin="nowhere",
        decides=True,
    )
    shown = explain(by, task.data.inputs[0], name="clip")
    np.testing.assert_allclose(shown.scores, model.scores(task.data.inputs[:1])[0], atol=1e-6)
    assert shown.predicted == int(np.argmax(shown.scores))
    assert draw_saliency_map(shown) is not None
