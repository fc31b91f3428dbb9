"""Trained, written, read: the same scores, the same bytes, and nothing half-written."""

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tests.builders import make_data, make_task
from tests.deployment.image_set import images_task

from openmer.deployment import _folder as model_folder
from openmer.deployment import epoch_rule_of, read_model, train_model, write_model
from openmer.deployment._train import _fit
from openmer.errors import DataError
from openmer.methods import load_method
from openmer.training import Resources


def small_task(name):
    if name == "efficient_me":
        return None
    if name.startswith("flow-kernel"):
        return make_task(name, data=make_data(clips=18, size=14))
    overrides = ("training.standardize=true",) if name == "flow-mlp" else ()
    return make_task(name, overrides, data=make_data(clips=18))


@pytest.fixture(scope="module")
def task():
    return small_task("flow-mlp")


@pytest.fixture(scope="module")
def written(task, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written") / "model"
    write_model(folder, train_model(task))
    return folder


@pytest.mark.parametrize(
    "name", ["flow-mlp", "flow-svm", "flow-kernel", "flow-kernel-compact", "efficient_me"]
)
def test_a_model_that_was_read_scores_as_the_one_in_memory(name, tmp_path):
    task = small_task(name) or images_task(tmp_path)
    model = train_model(task)
    known = write_model(tmp_path / "model", model)
    read = read_model(tmp_path / "model")
    assert np.array_equal(read.scores(task.data.inputs), model.scores(task.data.inputs))
    assert read.record == known.record
    assert read.method == task.method
    assert model.scores(task.data.inputs[:0]).shape == (0, 3)
    trained = _fit(task, "fixed", 0, Resources())
    assert np.allclose(model.scores(task.data.inputs[:1]), trained.scores, rtol=0, atol=1e-6)


def test_the_same_training_gives_the_same_bytes(task, written, tmp_path):
    write_model(tmp_path / "again", train_model(task))
    for path in written.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name
    other = train_model(task, seed=1)
    assert not np.array_equal(
        other.scores(task.data.inputs), read_model(written).scores(task.data.inputs)
    )


def test_the_record_says_what_it_was_trained_on(task, written):
    record = json.loads((written / "model.json").read_text())
    trained = record["trained_on"]
    assert trained["corpora"] == {"demo": {"clips": 18, "subjects": len(task.folds)}}
    assert sum(trained["classes"].values()) == 18
    assert record["estimate"] is None
    digest = hashlib.sha256((written / "model.safetensors").read_bytes()).hexdigest()
    assert record["weights_sha256"] == digest
    card = (written / "card.md").read_text()
    assert "No honest estimate was made" in card and "- demo: 18 clips" in card


def test_inner_subjects_choose_the_epoch_where_the_method_says_so(task):
    inner = replace(task, method=task.method.model_copy(update={"epoch_rule": "inner"}))
    record = train_model(inner).record
    assert record.epoch_rule == "inner"
    assert 0 < record.trained_on.chose_epoch < 18
    assert 1 <= record.epoch <= 3
    assert epoch_rule_of(load_method("ststnet")) == "fixed"
    leaky = task.method.model_copy(update={"epoch_rule": "held_out"})
    assert epoch_rule_of(leaky) == "fixed"


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("model.json", None, r"no model in .*openmer train"),
        ("model.json", b"{", r"no record of a model"),
        ("model.json", b'{"format": 2}', r"format.*update OpenMER"),
        ("method.toml", None, r"lacks .*method\.toml"),
        ("method.toml", b"name = 1", r"method\.toml is not the file"),
        ("model.safetensors", None, r"lacks .*model\.safetensors"),
        ("model.safetensors", b"cut off", r"model\.safetensors is not the file"),
    ],
)
def test_a_broken_folder_is_one_clear_error(written, tmp_path, file, change, message):
    broken = tmp_path / "broken"
    shutil.copytree(written, broken)
    (broken / file).unlink() if change is None else (broken / file).write_bytes(change)
    with pytest.raises(DataError, match=message):
        read_model(broken)


def test_weights_of_another_model_are_refused(task, written):
    model = read_model(written)
    strange = replace(model, state={"other": next(iter(model.state.values()))})
    with pytest.raises(DataError, match=r"do not fit the model 'flow_mlp'"):
        strange.scores(task.data.inputs)


def test_inputs_of_another_shape_or_not_finite_are_refused(task, written):
    model = read_model(written)
    with pytest.raises(DataError, match=r"takes clips of shape \(3, 8, 8\), found \(3, 9, 9\)"):
        model.scores(np.zeros((1, 3, 9, 9), np.float32))
    with pytest.raises(DataError, match="not finite"):
        model.scores(np.full((1, 3, 8, 8), np.nan, np.float32))


def test_a_model_is_never_replaced_and_never_half_written(written, tmp_path, monkeypatch):
    model = read_model(written)
    with pytest.raises(DataError, match="not empty"):
        write_model(written, model)
    (tmp_path / "empty").mkdir()
    write_model(tmp_path / "empty", model)
    assert read_model(tmp_path / "empty").record == model.record

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(model_folder, "card_text", stop)  # the last file that is written
    with pytest.raises(KeyboardInterrupt):
        write_model(tmp_path / "stopped", model)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
