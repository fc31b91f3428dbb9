"""A model that names a class and the action units of a clip."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest
import tomli_w
import torch
from tests.builders import make_data, make_task
from tests.evaluation.made_up_runs import write_run

import openmer
from openmer.deployment import read_model, train_model, write_model
from openmer.errors import ConfigError, DataError
from openmer.evaluation import TaskDataset, load_run
from openmer.explanation import require_explainable
from openmer.methods import load_method
from openmer.reports import find_runs
from openmer.training import Resources

ONE = Resources(device="cpu", strategy="one_by_one", compiled="never")


@pytest.fixture(name="task", scope="module")
def _task():
    data = make_data(flipped=True)
    units = np.stack([data.targets > 0, data.targets == 2], axis=1).astype(np.float32)
    overrides = ("task=both", "action_units.units=[1, 4]", "training.epochs=60",
                 "training.learning_rate=0.01")  # fmt: skip
    return make_task(overrides=overrides, data=replace(data, units=units))


def test_it_names_both_and_still_does_when_read_again(task, tmp_path):
    model = train_model(task, resources=ONE)
    write_model(tmp_path / "model", model)
    again = read_model(tmp_path / "model")
    inputs = task.data.inputs
    assert again.record.units == (1, 4)
    assert again.scores(inputs).shape == (24, 3)
    assert (again.scores(inputs).argmax(axis=1) == task.data.targets).mean() > 0.9
    shown = again.shown_units(inputs)
    assert shown == model.shown_units(inputs)
    wanted = [((), (1,), (1, 4))[target] for target in task.data.targets]
    assert np.mean([own == right for own, right in zip(shown, wanted, strict=True)]) > 0.8


def test_a_model_of_units_alone_names_no_class_and_is_refused(task):
    method = task.method.model_copy(update={"task": "action_units"})
    with pytest.raises(ConfigError, match="task=both"):
        train_model(replace(task, method=method), resources=ONE)


def test_a_task_is_a_dataset_of_pytorch_with_its_folds(task):
    dataset = TaskDataset(task)
    inputs, target, units = dataset[3]
    assert torch.equal(inputs, torch.from_numpy(task.data.inputs[3]))
    assert (int(target), units.tolist()) == (task.data.targets[3], task.data.units[3].tolist())
    for fold in task.folds:
        train, test = dataset.split(fold)
        assert len(train) + len(test) == len(dataset)
        assert {dataset.subjects[i] for i in test.indices} == {fold.held_out}
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_size=5)))
    assert batch[0].shape[0] == 5


def test_whatever_needs_a_class_refuses_a_method_of_units_at_once(tmp_path):
    given = ("flow-mlp", tmp_path / "no.csv")  # refused before it is read
    with pytest.raises(ConfigError, match="openmer action-units"):
        openmer.evaluate(*given, overrides=["task=action_units"], progress=False)
    method = load_method("flow-mlp", ["task=action_units"])
    with pytest.raises(ConfigError, match="openmer action-units"):
        require_explainable(method, "a/b")


def test_a_run_of_units_is_named_as_one(tmp_path):
    write_run(tmp_path)
    path = tmp_path / "run.toml"
    table = tomllib.loads(path.read_text())
    table["method"] |= {"task": "action_units"}
    table.pop("record_sha256", None)
    path.write_text(tomli_w.dumps(table))
    for reading in (load_run, lambda folder: openmer.compare(folder, folder)):
        with pytest.raises(DataError, match="openmer action-units"):
            reading(tmp_path)
    with pytest.raises(DataError, match="openmer action-units"):
        find_runs([tmp_path])
