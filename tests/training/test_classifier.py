"""A support vector machine on a network's features: fitted per fold, chosen by inner subjects."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.builders import make_data, make_jobs, make_spec, make_subjects

from openmer.errors import ConfigError
from openmer.models import create_model, register_model, save_weights
from openmer.models._registry import _MODELS
from openmer.training import (
    CLASSIFIER,
    ModelConfig,
    Oversample,
    Resources,
    SvmTraining,
    Validation,
    fit_jobs,
    plan_run,
    trained_network,
)
from openmer.training._frozen_prefix import find_frozen_prefix
from openmer.training._loop import fit
from openmer.training._network import features_of, shared_features
from openmer.training._single import SingleLearner
from openmer.training._stacked import StackedLearner
from openmer.training._svm import Examples, fit_pipeline

SVM = SvmTraining(kind="svm", kernel=("linear", "rbf"), c=(0.1, 10.0), inner_folds=3)


class Chained(torch.nn.Module):
    """Two convolutions and a head; knows the order of its parts."""

    def __init__(self, *, in_channels=3, num_classes=3, size=8):
        super().__init__()
        self.first = torch.nn.Sequential(
            torch.nn.Conv2d(in_channels, 4, 3, bias=False), torch.nn.BatchNorm2d(4)
        )
        self.second = torch.nn.Conv2d(4, 6, 3)
        self.pool = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())
        self.head = torch.nn.Sequential(torch.nn.Dropout(0.2), torch.nn.Linear(24, num_classes))

    def chain(self):
        return [("first", self.first), ("second", self.second), ("pool", self.pool)]

    def features(self, pixels):
        return self.pool(self.second(self.first(pixels)))

    def forward(self, pixels):
        return self.head(self.features(pixels))


@pytest.fixture(autouse=True)
def _listed():
    register_model("chained")(Chained)
    yield
    del _MODELS["chained"]


@pytest.fixture(name="stored")
def _stored(tmp_path):
    torch.manual_seed(4)
    model = create_model("chained")
    for name, value in model.state_dict().items():
        if name.endswith("running_mean"):
            value.normal_(std=0.3)
    path = tmp_path / "stored.safetensors"
    save_weights(path, model.state_dict(), {})
    return str(path)


def make(data, stored="", loaded=(), **training):
    spec = make_spec("chained", data, **{"batch_size": 6, "learning_rate": 0.02} | training)
    return spec.model_copy(
        update={"model": ModelConfig(name="chained", weights=stored, loaded=loaded)}
    )


def make_pixels():
    """Random images of 0..255, which copies are made of."""
    data = make_data(flipped=False)
    return replace(data, inputs=(128 + 25 * data.inputs).clip(0, 255))


def jobs_of(data, **more):
    subjects = make_subjects(data.clips)
    return [
        replace(job, keep_state=True, subjects=tuple(subjects[i] for i in job.train))
        for job in make_jobs(subjects, **more)
    ]


def trained(spec, data, jobs, learner=SingleLearner):
    data = replace(data, features=shared_features(spec, data, "cpu"))
    if learner is SingleLearner:
        made = SingleLearner(spec, data, device="cpu", compiled=False)
        return [fit([job], made, spec.training, data)[0] for job in jobs]
    return fit(jobs, StackedLearner(spec, data, device="cpu"), spec.training, data)


STAGES = (
    {"epochs": 2, "learning_rate": 0.02, "frozen": ("first",)},
    {"epochs": 1, "learning_rate": 0.01},
)
CASES = {
    "whole": {"classifier": SVM},
    "copies": {
        "classifier": SVM,
        "oversample": Oversample(copies=1, shift=0.2),
        "order": "balanced",
    },
    "decay": {"classifier": SVM, "weight_decay": 0.1, "decayed": "kernels", "optimizer": "sgd"},
    "gradual": {"classifier": SVM, "stages": STAGES, "epochs": 0, "learning_rate": 0},
    "head": {"stages": STAGES, "epochs": 0, "learning_rate": 0},
}


@pytest.mark.parametrize("case", CASES)
def test_stacked_and_single_training_agree(stored, case):
    data = make_pixels()
    spec = make(data, stored, **CASES[case])
    jobs = jobs_of(data)
    for one, other in zip(
        trained(spec, data, jobs), trained(spec, data, jobs, StackedLearner), strict=True
    ):
        np.testing.assert_allclose(one.losses, other.losses, rtol=1e-3, atol=1e-4)
        for name in one.state:
            if not name.startswith(CLASSIFIER):
                np.testing.assert_allclose(one.state[name], other.state[name], 1e-4, 2e-3)


def test_the_machine_scores_as_the_stored_numbers_do(stored):
    data = make_pixels()
    spec = make(data, stored, classifier=SVM, oversample=Oversample(copies=1))
    for result in trained(spec, data, jobs_of(data))[:3]:
        state = {name: torch.tensor(value) for name, value in result.state.items()}
        network = trained_network(spec, state)
        found = network(torch.from_numpy(data.inputs[list(result.job.predict)])).detach().numpy()
        np.testing.assert_allclose(found, result.scores, atol=1e-4)


def test_a_machine_alone_reads_stored_features(stored):
    """No weight moves: every fold's machine is scikit-learn's on the stored network's features."""
    data = make_data(flipped=False)
    spec = make(
        data, stored, classifier=SvmTraining(kind="svm", kernel="linear"), epochs=0, learning_rate=0
    )
    results = trained(spec, data, jobs_of(data))
    network = trained_network(
        make(data, stored),
        {name: torch.tensor(value) for name, value in results[0].state.items()
         if not name.startswith(CLASSIFIER)},
    )  # fmt: skip
    features = features_of(network, torch.from_numpy(data.inputs)).detach().numpy()
    for result in results:
        assert result.losses == () and result.epoch == 0
        train = list(result.job.train)
        examples = Examples(
            inputs=features[train], targets=data.targets[train], clips=np.arange(len(train))
        )
        machine = fit_pipeline(spec.training.svm, examples)
        expected = machine.decision_function(features[list(result.job.predict)])
        np.testing.assert_allclose(result.scores, expected, atol=1e-4)


def test_a_machine_alone_runs_side_by_side(stored):
    data = make_data(flipped=False)
    spec = make(data, stored, classifier=SVM, epochs=0, learning_rate=0)
    jobs = jobs_of(data)
    plan = plan_run(spec, jobs, Resources(workers=2, device="cpu"))
    assert (plan.strategy, plan.workers, plan.compiled) == ("side_by_side", 2, False)
    found = {result.job.subject_id: result for result in fit_jobs(jobs, spec, data, plan)}
    for expected in trained(spec, data, jobs):
        assert found[expected.job.subject_id].weights_sha256 == expected.weights_sha256


@pytest.mark.parametrize("carried", [(), ("first",)])
def test_frozen_parts_keep_every_stored_number(stored, carried):
    from openmer.models import load_weights

    data = make_data(flipped=False)
    stages = ({"epochs": 2, "learning_rate": 0.1, "frozen": ("first",)},)
    spec = make(data, stored, carried, stages=stages, epochs=0, learning_rate=0)
    state = trained(spec, data, jobs_of(data)[:1])[0].state
    before = load_weights(stored).state
    for name in before:
        same = np.array_equal(state[f"1.{name}"], before[name])
        assert same == name.startswith("first."), name


def test_parts_that_are_not_carried_are_drawn_anew(stored):
    data = make_data(flipped=False)
    stages = ({"epochs": 1, "learning_rate": 1e-12, "frozen": ("first",)},)
    spec = make(data, stored, ("first",), stages=stages, epochs=0, learning_rate=0)
    one, other = (result.state for result in trained(spec, data, jobs_of(data)[:2]))
    np.testing.assert_array_equal(one["1.first.0.weight"], other["1.first.0.weight"])
    assert not np.allclose(one["1.second.weight"], other["1.second.weight"], atol=1e-3)


def test_ready_maps_change_no_result(stored):
    data = make_pixels()
    spec = make(data, stored, **CASES["gradual"], oversample=Oversample())
    ready = shared_features(spec, data, "cpu")
    assert ready.shape == (48, 4, 6, 6)
    job = jobs_of(data)[-1]
    results = [
        fit([job], SingleLearner(spec, own, device="cpu", compiled=False), spec.training, own)[0]
        for own in (data, replace(data, features=ready))
    ]
    np.testing.assert_allclose(results[0].losses, results[1].losses, rtol=1e-5)
    np.testing.assert_allclose(results[0].scores, results[1].scores, atol=1e-3)


def test_where_a_network_is_cut():
    from openmer.training import Stage

    model = Chained()
    stage = Stage(epochs=1, learning_rate=1, frozen=("first",))

    def prefix(first, weights="stored", loaded=()):
        found = find_frozen_prefix(
            model, ModelConfig(name="chained", weights=weights, loaded=loaded), first
        )
        return None if found is None else found.parts

    assert prefix(stage) == 1
    assert prefix(stage, loaded=("first",)) == 1
    assert prefix(stage, loaded=("second",)) is None, "what is drawn again is not shared"
    assert prefix(stage, weights="") is None
    assert prefix(Stage(epochs=1, learning_rate=1)) is None
    assert prefix(Stage(epochs=1, learning_rate=1, frozen=("second",))) is None
    assert prefix(Stage(epochs=1, learning_rate=1, frozen=("first", "second"))) == 3
    assert prefix(None) == prefix(Stage(epochs=1, learning_rate=1, trainable="head")) == -1
    assert prefix(None, loaded=("first",)) is None


def test_a_part_that_is_not_there_is_named(stored):
    data = make_data(flipped=False)
    with pytest.raises(ConfigError, match=r"frist.*first"):
        trained(make(data, stored, ("frist",)), data, jobs_of(data)[:1])
    stages = ({"epochs": 1, "learning_rate": 0.1, "frozen": ("secnd",)},)
    with pytest.raises(ConfigError, match=r"secnd.*second"):
        trained(make(data, "", stages=stages, epochs=0, learning_rate=0), data, jobs_of(data)[:1])


def test_watched_epochs_and_a_machine_go_together(stored):
    data = make_data(flipped=False)
    spec = make(data, stored, classifier=SVM, epochs=4)
    jobs = jobs_of(data, validation=lambda test: Validation(clips=test, score="accuracy"))
    results = trained(spec, data, jobs)
    assert {1 <= result.epoch <= 4 for result in results} == {True}


def test_inner_subjects_choose_kernel_and_penalty():
    """Rings in the plane: no line parts them, and what a subject's own copies say is not asked."""
    rng = np.random.default_rng(0)
    subjects = tuple(f"p{i // 8}" for i in range(80))
    targets = np.arange(80) % 2
    angle = rng.uniform(0, 2 * np.pi, 80)
    radius = np.where(targets == 0, 1.0, 3.0) + rng.normal(0, 0.1, 80)
    inputs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32)
    examples = Examples(inputs=inputs, targets=targets, clips=np.arange(80), subjects=subjects)
    chosen = fit_pipeline(
        SvmTraining(kind="svm", kernel=("linear", "rbf"), c=(1.0, 100.0)), examples
    )[-1]
    assert chosen.kernel == "rbf"
    with pytest.raises(ConfigError, match=r"inner subjects.*found 0"):
        fit_pipeline(SVM, replace(examples, subjects=()))


def test_copies_stay_on_the_side_of_their_original():
    """Copies of held-out originals would let a nearest-neighbour machine look perfect."""
    from openmer.training._svm import _inner_splits

    subjects = tuple(f"p{i // 3}" for i in range(24))
    clips = np.concatenate([np.arange(24), np.arange(0, 24, 2)])
    examples = Examples(
        inputs=np.zeros((36, 2), np.float32), targets=clips % 2, clips=clips, subjects=subjects
    )
    splits = _inner_splits(SVM, examples)
    assert sorted(np.concatenate([held for _, held in splits])) == list(range(24))
    for inside, held in splits:
        assert not set(clips[inside]) & set(held)
        assert not {subjects[clips[i]] for i in inside} & {subjects[i] for i in held}
        assert set(inside) | set(held) >= set(range(24))


def test_clips_that_are_followed_decide_nothing(stored):
    data = make_data(flipped=False)
    spec = make(data, stored, epochs=3)
    job = jobs_of(data)[-1]
    groups = (job.train, job.predict)
    (plain,) = trained(spec, data, [job])
    (noted,) = trained(spec, data, [replace(job, follow=groups)])
    assert noted.weights_sha256 == plain.weights_sha256 and plain.followed == ()
    assert [len(group) for group in noted.followed] == [3, 3]
    right = (noted.scores.argmax(1) == data.targets[list(job.predict)]).mean()
    assert noted.followed[1][-1] == pytest.approx(right)
    (stacked,) = trained(spec, data, [replace(job, follow=groups)], StackedLearner)
    assert stacked.followed == noted.followed
