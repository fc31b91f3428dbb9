"""ONNX files score as PyTorch does, say what they are, or are not written."""

import json
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tests.builders import make_data, make_task
from tests.deployment.image_set import images_task
from torch import nn

from openmer.deployment import _export as export
from openmer.deployment import export_model, export_module, train_model
from openmer.errors import ConfigError, OpenMERError
from openmer.models import create_model


@pytest.fixture(scope="module")
def machine():
    task = make_task("flow-svm", data=make_data(clips=18))
    return train_model(task), task.data.inputs


def scores_of(path, inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["scores"], {"clip": inputs})[0]


@pytest.mark.parametrize("kind", ["svm", "network", "kernel", "compact"])
def test_onnx_runtime_scores_as_pytorch_does(kind, machine, tmp_path):
    model, inputs = machine
    if kind == "network":
        task = images_task(tmp_path)
        model, inputs = train_model(task), task.data.inputs
    if kind in ("kernel", "compact"):
        features = 'training.features=[{maps="centered", size=4, power=true}]'
        name = "flow-kernel" if kind == "kernel" else "flow-kernel-compact"
        task = make_task(name, [features], data=make_data(clips=18))
        model, inputs = train_model(task), task.data.inputs
    written = export_model(model, tmp_path / "model.onnx")
    assert written.largest_difference <= 1e-4
    assert written.bytes == written.path.stat().st_size
    expected = model.scores(inputs)
    assert np.ptp(expected) > 0.01
    for batch in (1, 5, len(inputs)):
        found = scores_of(written.path, inputs[:batch])
        assert np.abs(found - expected[:batch]).max() <= 1e-4
    told = {entry.key: entry.value for entry in onnx.load(written.path).metadata_props}
    assert json.loads(told["classes"]) == ["negative", "positive", "surprise"]
    assert json.loads(told["recipe"]) == model.recipe.tables
    assert told["caution"] == model.record.caution
    assert json.loads(told["record"])["method"] == model.record.method


def test_a_file_that_differs_is_not_written(machine, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_write", lambda *given: given[2].write_bytes(b"model"))
    monkeypatch.setattr(export, "_largest_difference", lambda *_: 2e-4)
    with pytest.raises(OpenMERError, match=r"differ by 0\.0002, more than 0\.0001"):
        export_model(machine[0], tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_missing_packages_are_one_message_with_the_extra(machine, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(ConfigError, match=r"onnxscript is not installed.*openmer\[export\]"):
        export_model(machine[0], tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("deepvit_l", {"depth": 2, "mixed": 1}), ("deit_base", {"depth": 1}), ("resnet18", {})],
)
def test_backbones_of_stills_are_exported_for_any_batch(name, arguments, tmp_path):
    model = create_model(name, size=32, **arguments).eval()
    written = export_module(model, (3, 32, 32), tmp_path / "model.onnx")
    assert written.largest_difference <= 1e-4
    pixels = np.random.default_rng(0).uniform(0, 255, (4, 3, 32, 32)).astype(np.float32)
    assert scores_of(written.path, pixels).shape == (4, 3)


class Pools(nn.Module):
    """Pools maps over rows and columns, rows of tokens over both, and maps over their channels."""

    def forward(self, maps):
        means, most = maps.mean((2, 3), keepdim=True), maps.amax((-2, -1), keepdim=True)
        tokens = maps.flatten(2).mean((-2, -1), keepdim=True)
        return torch.cat(
            [(means + most).flatten(1), tokens[:, 0], maps.mean(1).mean((1, 2))[:, None]], 1
        )


def test_pools_over_rows_and_columns_alone_are_global_pools(tmp_path):
    path = tmp_path / "pools.onnx"
    assert export_module(Pools(), (2, 4, 4), path).largest_difference < 1e-4
    found = Counter(node.op_type for node in onnx.load(path).graph.node)
    assert found["GlobalAveragePool"] == 1 == found["GlobalMaxPool"]
    assert found["ReduceMean"] == 3
