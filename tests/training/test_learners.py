"""All folds at once equals each fold alone: per layer kind, optimiser and batch shape."""

import numpy as np
import pytest
import torch
from tests.builders import make_data, make_jobs, make_spec, make_subjects
from torch import nn

from openmer.models import register_model
from openmer.models._registry import _MODELS
from openmer.training import LossConfig, Resources, Validation, fit_jobs, plan_run
from openmer.training._loop import fit
from openmer.training._single import SingleLearner
from openmer.training._stacked import StackedLearner


def _kinds():
    """Bodies of small networks, one per layer kind.

    A bias in front of a batch norm has no gradient but rounding, which Adam blows up to whole
    steps, so such layers have none here.
    """
    linear = [nn.Flatten(), nn.Linear(3 * 64, 16), nn.ReLU()]
    convolution = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 16)]
    norm2d = [nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
              nn.Linear(144, 16)]  # fmt: skip
    norm1d = [nn.Flatten(), nn.Linear(192, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU()]
    dropout = [nn.Flatten(), nn.Linear(192, 16), nn.Dropout(0.4), nn.ReLU(), nn.Dropout(0.2)]
    fused = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Flatten(),
             nn.Linear(36, 16)]  # fmt: skip
    return {
        "linear": linear,
        "convolution": convolution,
        "norm2d": norm2d,
        "norm1d": norm1d,
        "dropout": dropout,
        "fused": fused,
    }


@pytest.fixture(autouse=True, scope="module")
def _test_models():
    for name in _kinds():

        @register_model(f"test_{name}")
        class Model(nn.Module):
            kind = name

            def __init__(self, *, in_channels=3, num_classes=3, size=8):
                super().__init__()
                body = _kinds()[self.kind]
                self.layers = nn.Sequential(*body, nn.Linear(16, num_classes))

            def forward(self, flow):
                return self.layers(flow)

    yield
    for name in _kinds():
        del _MODELS[f"test_{name}"]


def assert_same(stacked, alone, atol=2e-4):
    assert stacked.job == alone.job
    np.testing.assert_allclose(stacked.losses, alone.losses, rtol=1e-4)
    np.testing.assert_allclose(stacked.scores, alone.scores, atol=atol)
    assert stacked.epoch == alone.epoch


def both(spec, data, jobs):
    stacked = fit(jobs, StackedLearner(spec, data, device="cpu"), spec.training, data)
    single = SingleLearner(spec, data, device="cpu", compiled=False)
    return stacked, [fit([job], single, spec.training, data)[0] for job in jobs]


@pytest.mark.parametrize("kind", list(_kinds()))
def test_stack_equals_separate_trainings(kind):
    data = make_data()
    spec = make_spec(f"test_{kind}", data, epochs=3)
    for stacked, alone in zip(*both(spec, data, make_jobs(make_subjects())), strict=True):
        assert_same(stacked, alone)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam", "weight_decay": 0.1},
        {"optimizer": "adamw", "weight_decay": 0.1},
        {"optimizer": "sgd", "weight_decay": 0.1, "momentum": 0.9},
        {"optimizer": "sgd"},
        {"standardize": True},
        {"order": "class_by_class"},
        {"flip_probability": 0.5},
        {"loss": LossConfig(name="focal", class_weights="balanced")},
    ],
    ids=str,
)
def test_stack_equals_separate_trainings_with(settings):
    data = make_data(flipped=True)
    spec = make_spec("test_norm2d", data, epochs=3, **settings)
    for stacked, alone in zip(*both(spec, data, make_jobs(make_subjects())), strict=True):
        assert_same(stacked, alone)


def test_folds_with_fewer_batches_are_left_alone_in_the_steps_they_skip():
    data = make_data(clips=25)
    subjects = make_subjects(25)
    spec = make_spec("test_norm2d", data, epochs=3, batch_size=7)
    jobs = make_jobs(subjects)
    steps = {-(-len(job.train) // 7) for job in jobs}
    assert len(steps) > 1, "the point of this test is folds of unequal numbers of steps"
    for stacked, alone in zip(*both(spec, data, jobs), strict=True):
        assert_same(stacked, alone)


def test_early_stopping_is_per_model():
    data = make_data(clips=40, seed=3)
    subjects = make_subjects(40)
    spec = make_spec("test_norm1d", data, epochs=12, learning_rate=0.05)
    jobs = make_jobs(
        subjects, validation=lambda test: Validation(clips=test, score="loss", patience=2)
    )
    stacked, alone = both(spec, data, jobs)
    for one, other in zip(stacked, alone, strict=True):
        assert_same(one, other)
    ran = {len(result.losses) for result in stacked}
    assert len(ran) > 1 and min(ran) < 12, "models should have stopped at different epochs"
    assert all(result.epoch <= len(result.losses) for result in stacked)


def test_the_watched_epoch_is_the_best_one():
    """Scores come from the kept epoch's weights: a training cut there gives the same ones."""
    data = make_data(clips=40, seed=3)
    jobs = make_jobs(
        make_subjects(40), validation=lambda test: Validation(clips=test, score="loss")
    )
    spec = make_spec("test_linear", data, epochs=12, learning_rate=0.05)
    learner = SingleLearner(spec, data, device="cpu", compiled=False)
    result = fit([jobs[-1]], learner, spec.training, data)[0]
    assert 1 <= result.epoch < 12
    short = make_spec("test_linear", data, epochs=result.epoch, learning_rate=0.05)
    learner = SingleLearner(short, data, device="cpu", compiled=False)
    cut = fit([make_jobs(make_subjects(40))[-1]], learner, short.training, data)[0]
    np.testing.assert_array_equal(cut.scores, result.scores)


def test_accuracy_ties_go_to_the_later_epoch():
    data = make_data()
    job = make_jobs(
        make_subjects(), validation=lambda test: Validation(clips=test[:1], score="accuracy")
    )[-1]
    spec = make_spec("test_linear", data, epochs=5, learning_rate=1e-9)
    learner = SingleLearner(spec, data, device="cpu", compiled=False)
    assert fit([job], learner, spec.training, data)[0].epoch == 5


def test_nothing_is_left_of_the_job_before():
    data = make_data()
    first, second, *_ = make_jobs(make_subjects())
    spec = make_spec("test_norm2d", data, parameters={}, epochs=2, optimizer="adam")
    learner = SingleLearner(spec, data, device="cpu", compiled=False)
    fit([first], learner, spec.training, data)
    after = fit([second], learner, spec.training, data)[0]
    fresh = SingleLearner(spec, data, device="cpu", compiled=False)
    alone = fit([second], fresh, spec.training, data)[0]
    assert after.weights_sha256 == alone.weights_sha256


@pytest.mark.parametrize("workers", [1, 2])
def test_side_by_side_gives_the_bytes_of_one_by_one(workers):
    data = make_data(size=28)
    spec = make_spec("ststnet", data, epochs=1)
    jobs = make_jobs(make_subjects())[:3]
    loop = plan_run(spec, jobs, Resources(device="cpu", strategy="one_by_one"))
    processes = plan_run(spec, jobs, Resources(device="cpu", workers=workers))
    expected = {r.job.subject_id: r for r in fit_jobs(jobs, spec, data, loop)}
    found = {r.job.subject_id: r for r in fit_jobs(jobs, spec, data, processes)}
    assert {p: r.weights_sha256 for p, r in found.items()} == {
        p: r.weights_sha256 for p, r in expected.items()
    }


def test_training_leaves_the_callers_random_state_and_threads_alone():
    data = make_data()
    spec = make_spec("test_dropout", data)
    jobs = make_jobs(make_subjects())[:1]
    torch.manual_seed(3)
    expected, threads = torch.rand(1), torch.get_num_threads()
    torch.manual_seed(3)
    list(fit_jobs(jobs, spec, data, plan_run(spec, jobs, Resources(strategy="one_by_one"))))
    assert torch.equal(torch.rand(1), expected)
    assert torch.get_num_threads() == threads


@pytest.mark.slow
def test_compiled_step_equals_the_plain_one():
    from openmer.training import compiler_at_hand

    if not compiler_at_hand():
        pytest.skip("no C++ compiler on this machine")
    data = make_data(clips=30, size=28)
    data.inputs[:] = np.round(40 * data.inputs + 128)
    spec = make_spec("ststnet", data, epochs=3, learning_rate=1e-3)
    jobs = make_jobs(make_subjects(30))[:3]
    plain = SingleLearner(spec, data, device="cpu", compiled=False)
    compiled = SingleLearner(spec, data, device="cpu", compiled=True)
    for job in jobs:
        found, expected = (fit([job], one, spec.training, data)[0] for one in (compiled, plain))
        assert_same(found, expected, atol=1e-3)
