"""8-bit files: what becomes 8-bit, how far it agrees, and when it is refused."""

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

from openmer.deployment import _quantize as package
from openmer.deployment import (
    export_model,
    export_module,
    quantize_file,
    quantize_model,
    train_model,
)
from openmer.errors import ConfigError, DataError, OpenMERError
from openmer.models import create_model


@pytest.fixture(scope="module")
def stills(tmp_path_factory):
    """A small network that was trained, and its prepared clips."""
    task = images_task(tmp_path_factory.mktemp("images"))
    return train_model(task), task.data.inputs


class Attending(nn.Module):
    """A linear layer, attention without weights, and linear layers: 16 numbers to three scores."""

    def __init__(self):
        super().__init__()
        self.before, self.between, self.last = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, clips):
        tokens = self.before(clips.flatten(2).transpose(1, 2))
        mixed = (tokens @ tokens.transpose(1, 2)).softmax(-1) @ tokens
        return self.last(self.between(mixed).mean(1))


@pytest.fixture(scope="module")
def attending(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("onnx") / "exact.onnx"
    export_module(Attending().eval(), (4, 2, 2), path, largest_input=1.0)
    return path


def scores_of(path, inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["scores"], {"clip": inputs})[0]


def told_in(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def operators(path):
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def test_a_network_becomes_8_bit_and_its_agreement_is_measured(stills, tmp_path):
    model, clips = stills
    made = quantize_model(model, tmp_path / "int8.onnx", clips, least_same=0)
    assert (made.kind, made.on_clips, made.calibrated, made.compared) == ("static", True, 6, 6)
    assert made.bytes == made.path.stat().st_size
    assert operators(made.path)["QuantizeLinear"] > 5
    exact, found = model.scores(clips), scores_of(made.path, clips)
    assert 0 < np.abs(exact - found).max() < 0.1
    assert made.largest_difference <= np.abs(exact - found).max() + 1e-4
    assert scores_of(made.path, clips[:1]).shape == (1, 3)


def test_the_file_says_what_it_is(stills, tmp_path):
    model, clips = stills
    export_model(model, tmp_path / "exact.onnx")
    made = quantize_file(tmp_path / "exact.onnx", tmp_path / "int8.onnx", clips, least_same=0)
    told = told_in(made.path)
    measured = json.loads(told.pop("int8"))
    assert told == told_in(tmp_path / "exact.onnx")
    assert measured["same_class"] == made.same_class
    assert measured["kind"] == "static"


def test_the_same_clips_give_the_same_bytes(stills, tmp_path):
    model, clips = stills
    first, second = (
        quantize_model(model, tmp_path / name, clips, least_same=0) for name in ("a", "b")
    )
    assert first.path.read_bytes() == second.path.read_bytes()


def test_too_many_changed_classes_are_refused(stills, tmp_path):
    model, clips = stills
    with pytest.raises(OpenMERError, match=r"% of 6 clips keep their class.*No file was written"):
        quantize_model(model, tmp_path / "int8.onnx", clips, least_same=1.1)
    assert not list(tmp_path.iterdir())


def test_no_clip_both_calibrates_and_is_compared():
    clips = np.arange(200, dtype=np.float32).reshape(-1, 1, 1, 1)
    calibrating, compared = package._shared_out(None, clips)
    assert (len(calibrating), len(compared)) == (64, 136)
    assert set(calibrating.ravel()) | set(compared.ravel()) == set(clips.ravel())


class Loud(nn.Module):
    """Convolutions in which one map is a thousand times as large as those that the scores need."""

    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList(nn.Conv2d(3 if n == 0 else 8, 8, 1) for n in range(4))
        self.head = nn.Linear(8, 3)
        with torch.no_grad():
            self.parts[1].weight[0] *= 1000
            self.parts[2].weight[:, 0] /= 1000

    def forward(self, clips):
        for part in self.parts:
            clips = part(clips).relu()
        return self.head(clips.mean((2, 3)))


def test_layers_that_move_the_scores_most_stay_exact_until_the_classes_are_kept(tmp_path):
    torch.manual_seed(278)  # tells the kinds of clips below well apart
    exact = tmp_path / "exact.onnx"
    export_module(Loud().eval(), (3, 4, 4), exact)
    clips = np.random.default_rng(0).uniform(0, 20, (48, 3, 4, 4)).astype(np.float32)
    clips[np.arange(48), np.arange(48) % 3] *= 10  # three kinds
    made = quantize_file(exact, tmp_path / "int8.onnx", clips)
    assert 0 < made.left_exact <= 2 and made.same_class >= 0.98
    assert operators(made.path)["QuantizeLinear"] > 0


def test_attention_and_the_last_layer_stay_exact(attending, tmp_path):
    clips = np.random.default_rng(0).uniform(size=(24, 4, 2, 2)).astype(np.float32)
    made = quantize_file(attending, tmp_path / "int8.onnx", clips, least_same=0)
    chosen = package._chosen(onnx.load(attending), static=True)
    products = [n for n in onnx.load(attending).graph.node if n.op_type in ("MatMul", "Gemm")]
    assert [n.name in chosen for n in products] == [True, False, False, True, False]
    assert made.largest_difference < 0.05


def test_without_clips_linear_layers_alone_become_8_bit(attending, tmp_path):
    made = quantize_file(attending, tmp_path / "int8.onnx", None, least_same=0)
    assert (made.kind, made.on_clips, made.calibrated, made.compared) == ("dynamic", False, 0, 64)
    assert operators(made.path)["MatMulInteger"] == 2
    assert 0 < made.largest_difference < 0.05


def test_without_clips_a_convolutional_network_is_refused(stills, tmp_path):
    with pytest.raises(ConfigError, match="Give clips to calibrate on: --manifest"):
        quantize_model(stills[0], tmp_path / "int8.onnx", None)
    assert not list(tmp_path.iterdir())


def test_what_cannot_serve_is_one_clear_error(stills, tmp_path):
    model, clips = stills
    with pytest.raises(DataError, match="Found 1 clips, expected at least two"):
        quantize_model(model, tmp_path / "int8.onnx", clips[:1])
    with pytest.raises(DataError, match="takes clips of shape"):
        quantize_model(model, tmp_path / "int8.onnx", clips[:, :, 1:])
    machine = train_model(make_task("flow-svm", data=make_data(clips=18)))
    with pytest.raises(ConfigError, match="has no layer to make 8-bit"):
        quantize_model(machine, tmp_path / "int8.onnx", clips)


@pytest.mark.slow
def test_mobilevit_is_exported_from_its_faster_twin_and_becomes_8_bit(tmp_path):
    """Equal scores as exported, near ones in 8-bit, and a file of less than a third."""
    torch.manual_seed(0)
    model = create_model("mobilevit_s", size=64)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
    clips = 255 * torch.rand(24, 3, 8, 8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    with torch.no_grad():
        model.train()(clips)
    exact = tmp_path / "exact.onnx"
    written = export_module(model.eval(), (3, 64, 64), exact)
    assert written.largest_difference < 1e-4
    assert operators(exact)["Gemm"] + operators(exact)["MatMul"] >= 54
    made = quantize_file(exact, tmp_path / "int8.onnx", clips.numpy(), least_same=0)
    assert made.bytes < made.exact_bytes / 3
    spread = float(np.ptp(scores_of(exact, clips.numpy()), axis=0).max())
    assert made.largest_difference < spread / 2
