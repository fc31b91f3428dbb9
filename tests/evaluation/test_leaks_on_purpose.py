"""Leaks on purpose: each does what it says, is marked everywhere, and never becomes a model."""

from dataclasses import replace

import numpy as np
import pytest
from tests.builders import make_data, make_jobs, make_spec, make_subjects, make_task

from openmer.deployment import estimate_from_run, estimate_of
from openmer.errors import ConfigError, DataError, ProtocolError
from openmer.evaluation import LEAKS, Protocol, cross_validate, load_run
from openmer.evaluation._leaks import require_possible, scaled_together, substring_folds
from openmer.evaluation._splits import leave_one_subject_out
from openmer.methods import load_method
from openmer.reports._csv_sheet import render_csv
from openmer.reports._markdown import render_markdown
from openmer.training import Resources, fit_carrying, fit_jobs, plan_run

ONE = Resources(device="cpu", strategy="one_by_one")


def test_carried_weights_begin_a_fold_where_the_last_one_ended():
    data, spec = make_data(clips=12), make_spec(epochs=1)
    jobs = make_jobs(make_subjects(12))
    plan = plan_run(spec, jobs, ONE)
    honest = {one.job.subject_id: one for one in fit_jobs(jobs, spec, data, plan)}
    carried = list(fit_carrying(jobs, spec, data, plan))
    assert [one.job for one in carried] == jobs
    assert carried[0].weights_sha256 == honest[jobs[0].subject_id].weights_sha256
    for one in carried[1:]:
        assert one.weights_sha256 != honest[one.job.subject_id].weights_sha256
    both = [*jobs, *(replace(job, seed=1) for job in jobs)]
    again = list(fit_carrying(both, spec, data, plan))
    fresh = next(iter(fit_jobs([both[len(jobs)]], spec, data, plan)))
    assert again[len(jobs)].weights_sha256 == fresh.weights_sha256


def test_carried_weights_learn_the_tested_subjects():
    """With labels that say nothing, only a leak can score."""
    data = make_data(clips=24)
    data.targets[:] = np.random.default_rng(0).permutation(data.targets)
    data.inputs[:] = np.random.default_rng(1).normal(size=data.inputs.shape)
    spec = make_spec(epochs=25, learning_rate=0.01)
    jobs = make_jobs(make_subjects(24))
    last = list(fit_carrying(jobs, spec, data, plan_run(spec, jobs, ONE)))[1:]
    right = [one.scores.argmax(1) == data.targets[list(one.job.predict)] for one in last]
    assert np.concatenate(right).mean() > 0.8


def test_a_substring_finds_other_subjects_and_tests_no_clip_twice():
    subjects = ["x/s1", "x/s1", "x/s2", "x/s11", "x/s12", "y/s1"]
    folds = substring_folds(leave_one_subject_out(subjects), subjects)
    assert {fold.held_out: fold.test for fold in folds} == {
        "x/s1": (0, 1, 3, 4),
        "x/s2": (2,),
        "y/s1": (5,),
    }
    assert set(folds[0].train) & set(folds[0].test) == {3, 4}


def test_scaling_together_reads_all_clips():
    data = make_data(clips=12)
    scaled = scaled_together(data)
    assert np.allclose(scaled.inputs.mean(0), 0, atol=1e-5)
    assert np.allclose(scaled.inputs.std(0), 1, atol=1e-4)
    other = replace(data, inputs=data.inputs.copy())
    other.inputs[11] += 100
    assert not np.allclose(scaled_together(other).inputs[0], scaled.inputs[0])


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leaky_run_says_so_everywhere_and_is_no_estimate(leak, tmp_path):
    task, protocol = make_task("flow-mlp", data=make_data(clips=18)), Protocol(leak=leak)
    assert protocol.leaky
    folder = cross_validate(task, protocol, out=tmp_path, resources=ONE)
    honest = cross_validate(task, Protocol(), out=tmp_path, resources=ONE)
    assert folder != honest
    assert cross_validate(task, protocol, out=tmp_path, resources=ONE) == folder
    run = load_run(folder)
    assert run[0].leaky and run[0].leak == leak and load_run(honest)[0].leak == ""
    assert "LEAKY" in render_markdown([run]) and f"LEAKY {leak}" in render_csv([run])
    with pytest.raises(ProtocolError, match=f"the leak {leak} was made on purpose"):
        estimate_from_run(folder, task, "fixed")
    with pytest.raises(ProtocolError):
        estimate_of(task, protocol, runs=tmp_path)
    record = folder / "run.toml"
    record.write_text(record.read_text().replace("leaky = true", "leaky = false"))
    with pytest.raises(DataError, match="was edited after it was written"):
        load_run(folder)


@pytest.mark.parametrize(
    ("leak", "method", "overrides", "said"),
    [
        ("carried_weights", "flow-svm", [], "has no network"),
        ("carried_weights", "flow-mlp", ["search.space={training.epochs=[1,2]}"], "searches"),
        ("global_scaling", "flow-kernel", [], "takes flow as it is"),
    ],
)
def test_a_leak_that_a_method_cannot_have_is_refused(leak, method, overrides, said):
    with pytest.raises(ConfigError, match=said):
        require_possible(leak, load_method(method, overrides))
