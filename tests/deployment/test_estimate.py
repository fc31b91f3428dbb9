"""Only an honest run of the very same thing is an estimate."""

from dataclasses import replace

import numpy as np
import pytest
from tests.builders import make_data, make_subjects, make_task

from openmer.deployment import estimate_from_run, estimate_of, train_model
from openmer.errors import DataError, ProtocolError
from openmer.evaluation import Protocol, cross_validate, load_run, make_folds
from openmer.models import create_model, save_weights
from openmer.training import Resources

ALONE = Resources(strategy="one_by_one")


@pytest.fixture(scope="module")
def task():
    data = make_data(clips=18)
    data = replace(data, targets=np.repeat(np.arange(3), 6))
    return make_task("flow-svm", data=data, subjects=make_subjects(18)[::-1])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def run(task, runs):
    return cross_validate(task, Protocol(), out=runs, resources=ALONE)


def test_the_estimate_is_the_score_of_the_run(task, run, runs, monkeypatch):
    found = estimate_from_run(run, task, "fixed")
    _, summary = load_run(run)
    assert found.scores == dict(summary.scores)
    assert (found.clips, found.subjects, found.seeds) == (18, len(task.folds), (0,))
    assert found.run == f"flow-svm/{run.name}" and found.audit == "not audited"
    monkeypatch.setattr(
        "openmer.evaluation._cross_validate.fit_folds", None
    )  # a finished run is not made again
    assert estimate_of(task, Protocol(), runs=runs, resources=ALONE) == found


def test_a_model_carries_its_estimate(task, run):
    model = train_model(task, estimate=estimate_from_run(run, task, "fixed"))
    assert f"UF1 {model.record.estimate.scores['uf1'].value:.3f}" in model.record.caution
    assert "leave-one-subject-out" in model.record.caution


def test_a_run_over_corpora_is_the_other_estimate(task, tmp_path):
    subjects = [f"{'a' if i % 2 else 'b'}/s{i}" for i in range(18)]
    task = make_task("flow-svm", data=task.data, subjects=subjects)
    corpora = replace(task, folds=make_folds("loco", task.clips, task.data.targets.tolist()))
    protocol = Protocol(folds="loco")
    run = cross_validate(corpora, protocol, out=tmp_path, resources=ALONE)
    with pytest.raises(ProtocolError, match="held out clips by the protocol loco"):
        estimate_from_run(run, task, "fixed")
    found = estimate_from_run(run, task, "fixed", "loco")
    assert "leave-one-corpus-out" in str(found)
    record = train_model(task, estimate=found).record
    record = record.model_copy(update={"other_corpus": found})
    assert f"On a corpus it has not seen: {found}." in record.caution


def test_weights_that_have_seen_a_tested_subject_allow_no_estimate(tmp_path):
    path = tmp_path / "w.safetensors"
    state = create_model("flow_mlp", size=8).state_dict()
    save_weights(path, state, {"subjects": {"named": ["demo/s2"]}})
    task = make_task(overrides=(f"model.weights={path}",))
    with pytest.raises(ProtocolError, match=r"Pictures of 1 of the \d+ subjects, demo/s2 for one"):
        estimate_of(task, Protocol(), runs=tmp_path, resources=ALONE)
    run = cross_validate(task, Protocol(), out=tmp_path, resources=ALONE)
    with pytest.raises(ProtocolError, match="pictures of tested subjects made the weights"):
        estimate_from_run(run, task, "fixed")


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (Protocol(epoch_rule="held_out"), "is leaky"),
        (Protocol(label_permutation=1), "shuffled labels"),
        (Protocol(epoch_rule="inner"), "epoch rule inner"),
    ],
)
def test_a_run_that_is_no_honest_estimate_is_refused(task, tmp_path, protocol, message):
    run = cross_validate(task, protocol, out=tmp_path, resources=ALONE)
    with pytest.raises(ProtocolError, match=message):
        estimate_from_run(run, task, "fixed")
    if protocol.epoch_rule != "inner":
        with pytest.raises(ProtocolError, match="honest estimate"):
            estimate_of(task, protocol, runs=tmp_path)


def test_a_run_of_something_else_is_refused(task, run, tmp_path):
    other = task.method.training.model_copy(update={"c": 2.0})
    changed = replace(task, method=task.method.model_copy(update={"training": other}))
    with pytest.raises(DataError, match=r"another method.*training differ"):
        estimate_from_run(run, changed, "fixed")
    fewer = replace(task, clips=task.clips[1:], data=make_data(clips=17))
    with pytest.raises(DataError, match="other clips: 18 there, 17 here"):
        estimate_from_run(run, fewer, "fixed")
    arrays = replace(task, data=replace(task.data, inputs=task.data.inputs + 1))
    with pytest.raises(DataError, match="other arrays"):
        estimate_from_run(run, arrays, "fixed")
    with pytest.raises(DataError, match="finished run"):
        estimate_from_run(tmp_path, task, "fixed")
