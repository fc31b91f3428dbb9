"""Inner subjects that choose by a balanced score, and folds that are then trained again."""

from dataclasses import replace

import numpy as np
import pytest
from tests.builders import make_data, make_jobs, make_spec, make_subjects, make_task

from openmer.evaluation import fold_job
from openmer.training import Resources, Stage, Validation, fit_jobs, plan_run
from openmer.training._loop import _Monitor
from openmer.training._retrain import _within

ONE = Resources(device="cpu", strategy="one_by_one")


def run(jobs, spec, data, strategy="one_by_one"):
    resources = Resources(device="cpu", strategy=strategy, workers=1)
    results = fit_jobs(jobs, spec, data, plan_run(spec, jobs, resources))
    return {one.job.subject_id: one for one in results}


def test_a_large_class_does_not_outweigh_the_others():
    targets = np.array([0] * 18 + [1, 2])
    data = replace(make_data(clips=20), targets=targets)
    monitor = _Monitor(Validation(clips=tuple(range(20)), score="uar"), data)
    everybody_negative = np.tile([0.9, 0.05, 0.05], (20, 1))
    balanced = np.eye(3)[np.where(np.arange(20) < 8, 1, targets)]
    assert monitor.value(everybody_negative) == pytest.approx(1 / 3)
    assert monitor.value(balanced) > 0.8
    assert monitor.improved(0.5, 1) and monitor.improved(0.5, 2) and not monitor.improved(0.4, 3)
    assert monitor.best_epoch == 2


@pytest.mark.parametrize("strategy", ["one_by_one", "stacked"])
def test_a_fold_is_trained_again_as_if_its_budget_had_been_chosen_before(strategy):
    data, spec = make_data(clips=20), make_spec(epochs=4)
    jobs = []
    for job in make_jobs(make_subjects(20)):
        inner = Validation(clips=job.train[::3], score="uar")
        train = tuple(i for i in job.train if i not in inner.clips)
        jobs.append(replace(job, train=train, validation=inner, whole=job))
    found = run(jobs, spec, data, strategy)
    for job in jobs:
        one = found[job.subject_id]
        short = spec.model_copy(
            update={"training": spec.training.model_copy(update={"epochs": one.epoch})}
        )
        alone = run([job.whole], short, data, strategy)[job.subject_id]
        assert one.job == job and 1 <= one.epoch <= 4
        assert np.allclose(one.scores, alone.scores, atol=1e-5)


def test_a_method_says_whether_folds_are_trained_again():
    task = make_task("flow-mlp", ["training.inner.retrain=true"])
    job = fold_job(task, task.folds[0], "inner", 0)
    assert job.validation.score == "uar"
    assert job.whole.validation is None and job.whole.train == task.folds[0].train
    assert fold_job(make_task("flow-mlp"), task.folds[0], "inner", 0).whole is None
    plain = make_task("flow-mlp", ["training.inner.score=loss"])
    assert fold_job(plain, plain.folds[0], "inner", 0).validation.score == "loss"


@pytest.mark.parametrize(
    ("epochs", "expected"), [(1, [1]), (3, [3]), (4, [3, 1]), (8, [3, 3, 2]), (11, [3, 3, 5])]
)
def test_a_budget_in_stages_ends_in_the_stage_of_the_chosen_epoch(epochs, expected):
    stages = (
        Stage(epochs=3, learning_rate=0.1, iterations=2, trainable="head"),
        Stage(epochs=5, learning_rate=0.01),
    )
    spec = make_spec(epochs=0, learning_rate=0, stages=stages)
    assert [stage.epochs for stage in _within(spec, epochs).training.all_stages] == expected
