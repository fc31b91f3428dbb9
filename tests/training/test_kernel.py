"""The kernel classifier: a closed form that equals a refit, and scores that a module repeats."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.builders import make_data, make_subjects

from openmer.errors import ConfigError, DataError
from openmer.training import (
    Feature,
    FitJob,
    KernelClassifier,
    KernelTraining,
    RandomFeatureClassifier,
)
from openmer.training._kernel import (
    _calibration,
    _Clips,
    _gram,
    _inner_groups,
    _rounded,
    _solve,
    fit_kernel,
)
from openmer.training._kernel_module import shifts_within
from openmer.training._random_features import _SPREAD, draw_directions

TRAINING = KernelTraining(
    kind="kernel",
    features=(
        Feature(maps="residual", size=4),
        Feature(maps="flow", size=4, power=True),
        Feature(maps="gradients", size=2),
        Feature(maps="centered", size=4, power=True),
    ),
)
COMPACT = TRAINING.model_copy(update={"projections": 256})


def job_of(data, subjects, held_out, **changes):
    train = tuple(i for i, one in enumerate(subjects) if one != held_out)
    test = tuple(i for i, one in enumerate(subjects) if one == held_out)
    people = tuple(subjects[i] for i in train)
    fields = {"train": train, "predict": test, "subjects": people, "keep_state": True} | changes
    return FitJob(subject_id=held_out, seed=0, **fields)


@pytest.fixture
def fold():
    data, subjects = make_data(clips=30), make_subjects(30)
    return data, job_of(data, subjects, "demo/s4")


def test_it_learns_what_there_is_to_learn():
    data, subjects = make_data(clips=60), make_subjects(60)
    right = [
        fit_kernel(job_of(data, subjects, one), TRAINING, data).scores.argmax(1)
        == data.targets[[i for i, other in enumerate(subjects) if other == one]]
        for one in sorted(set(subjects))
    ]
    assert np.concatenate(right).mean() > 0.6


def test_inner_scores_are_those_of_a_refit_without_the_group(fold):
    data, job = fold
    train = np.asarray(job.train)
    kernels = _gram(_Clips(data.inputs), TRAINING.model_dump_json()).of(train).rows(train)
    targets, groups = data.targets[train], _inner_groups(job, data.targets[train], TRAINING)
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(train)))
    found = _solve(kernels, targets, groups, TRAINING, 3).inner
    for group in groups:
        rest = np.setdiff1d(np.arange(len(train)), group)
        refit = _solve(kernels[:, rest[:, None], rest], targets[rest], [], TRAINING, 3)
        expected = np.einsum("gnt,gtc->nc", kernels[:, group[:, None], rest], refit.coefficients)
        assert np.allclose(found[group], expected + refit.bias, atol=1e-9)


def test_no_subject_is_in_two_inner_groups(fold):
    data, job = fold
    groups = _inner_groups(job, data.targets[list(job.train)], TRAINING)
    people = [{job.subjects[i] for i in group} for group in groups]
    assert len(groups) == 5 and sum(map(len, people)) == len(set(job.subjects))


def test_the_module_repeats_the_scores(fold):
    data, job = fold
    result = fit_kernel(job, TRAINING, data)
    state = {name: torch.tensor(value) for name, value in result.state.items()}
    module = KernelClassifier(TRAINING, state).eval()
    tested = torch.from_numpy(data.inputs[list(job.predict)])
    assert np.allclose(module(tested).detach().numpy(), result.scores, atol=1e-5)
    assert np.allclose(result.scores.sum(1), 1, atol=1e-6)


def test_random_features_come_near_the_kernels_and_keep_no_clip(fold):
    data, job = fold
    train = np.asarray(job.train)
    exact, near = (
        _gram(_Clips(data.inputs), training.model_dump_json()).of(train).rows(train)
        for training in (
            TRAINING.model_copy(update={"shift": 0, "own_shift": 0, "projections": count})
            for count in (0, 4096)
        )
    )
    assert np.abs(exact - near).max() < 0.05
    result = fit_kernel(job, COMPACT, data)
    state = {name: torch.tensor(value) for name, value in result.state.items()}
    assert set(state) == {"readout", "bias", "scales", "weights", "offsets"}
    assert state["readout"].shape == (4, 3, 512, 3)
    module = RandomFeatureClassifier(COMPACT, state).eval()
    tested = torch.from_numpy(data.inputs[list(job.predict)])
    assert np.allclose(module(tested).detach().numpy(), result.scores, atol=1e-5)
    with pytest.raises(DataError, match="do not fit"):
        RandomFeatureClassifier(COMPACT, state | {"scales": torch.ones(2)})
    with pytest.raises(DataError, match="do not fit"):
        RandomFeatureClassifier(COMPACT, {n: v for n, v in state.items() if n != "readout"})


def test_directions_are_nearly_normal_and_the_same_everywhere():
    drawn = draw_directions(Feature(maps="gradients", size=7), 3, 512)
    values = drawn.double() / _SPREAD**0.5
    assert drawn.shape == (196, 512) and drawn[0, :4].tolist() == [22, -48, -32, 41]
    assert abs(values.mean()) < 0.01 and abs(values.std() - 1) < 0.01
    assert not torch.equal(drawn, draw_directions(Feature(maps="gradients", size=7), 4, 512))


@pytest.mark.parametrize("training", [TRAINING, COMPACT])
@pytest.mark.parametrize("fill", [np.nan, 7.0])
def test_nothing_of_a_held_out_clip_enters_its_fold(fold, fill, training):
    data, job = fold
    clean = fit_kernel(replace(job, predict=()), training, data)
    inputs, targets = data.inputs.copy(), data.targets.copy()
    inputs[list(job.predict)], targets[list(job.predict)] = fill, 0
    poisoned = replace(data, inputs=inputs, targets=targets)
    other = fit_kernel(replace(job, predict=()), training, poisoned)
    assert other.weights_sha256 == clean.weights_sha256
    inputs[job.train[0]] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        fit_kernel(job, training, replace(data, inputs=inputs))


def test_another_seed_deals_other_groups(fold):
    data, job = fold
    first, second = (fit_kernel(replace(job, seed=seed), TRAINING, data) for seed in (0, 1))
    assert not np.array_equal(first.scores, second.scores)
    assert np.array_equal(first.state["coefficients"], second.state["coefficients"])


@pytest.mark.parametrize("seen", [(0, 1), (0, 2), (1, 2), (1,)])
def test_a_class_that_the_fold_never_saw_is_never_likely(seen):
    data, subjects = make_data(clips=30), make_subjects(30)
    train = tuple(i for i in range(24) if data.targets[i] in seen)
    own = tuple(subjects[i] for i in train)
    job = FitJob(subject_id="x", seed=0, train=train, predict=(24, 25, 26), subjects=own)
    scores = fit_kernel(job, TRAINING, data).scores
    assert set(scores.argmax(1).tolist()) <= set(seen)
    assert not scores[:, [i for i in range(3) if i not in seen]].any()


def test_clips_that_are_all_alike_are_no_error():
    data, subjects = make_data(clips=30), make_subjects(30)
    data = replace(data, inputs=np.zeros_like(data.inputs))
    scores = fit_kernel(job_of(data, subjects, "demo/s4"), TRAINING, data).scores
    assert np.isfinite(scores).all()


def test_one_inner_subject_cannot_calibrate():
    data = make_data(clips=6)
    job = job_of(data, ["a"] * 4 + ["b"] * 2, "b")
    with pytest.raises(ConfigError, match="two at least, found 1"):
        fit_kernel(job, TRAINING, data)


def test_calibration_makes_the_classes_equal_before_the_scores_speak():
    targets = np.array([0] * 40 + [1] * 4 + [2] * 4)
    weights, offsets = _calibration(np.zeros((48, 3)), targets, TRAINING, 3)
    assert np.allclose(offsets, offsets[0], atol=1e-3) and np.allclose(weights, 0)


def test_shifts_and_scales():
    assert shifts_within(0) == [(0, 0)]
    assert [len(shifts_within(reach)) for reach in (1, 2)] == [5, 13]
    assert shifts_within(2)[:5] == shifts_within(1)
    assert _rounded(0.0) == 1.0 and _rounded(1.05) == 1.0 and _rounded(8.0) == 8.0


def test_parts_that_do_not_fit_are_refused(fold):
    data, job = fold
    state = {n: torch.tensor(v) for n, v in fit_kernel(job, TRAINING, data).state.items()}
    with pytest.raises(DataError, match="lacks bias"):
        KernelClassifier(TRAINING, {n: v for n, v in state.items() if n != "bias"})
    with pytest.raises(DataError, match="do not fit"):
        KernelClassifier(TRAINING, state | {"scales": torch.ones(2)})
