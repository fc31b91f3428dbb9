"""Stages: what is held still stays still, what starts from stored weights starts from them."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.builders import make_jobs, make_subjects

from openmer.errors import ConfigError
from openmer.models import create_model, load_weights, save_weights
from openmer.preprocessing import ArrayCache
from openmer.training import (
    FitJob,
    LossConfig,
    ModelConfig,
    NetworkSpec,
    NetworkTraining,
    Stage,
    TrainingData,
    Validation,
    Variants,
)
from openmer.training._loop import fit
from openmer.training._network import shared_features
from openmer.training._sampling import Rows, changes_of
from openmer.training._single import SingleLearner
from openmer.training._stacked import StackedLearner

HEAD = Stage(trainable="head", epochs=2, learning_rate=1e-2)
ALL = Stage(trainable="all", epochs=1, learning_rate=1e-3)
VARIANTS = Variants(probability=0.5, count=3, flip=True, brightness=0.2)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return TrainingData(
        inputs=rng.uniform(0, 255, (18, 3, 32, 32)).astype(np.float32),
        targets=np.arange(18) % 3,
        num_classes=3,
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    torch.manual_seed(5)
    model = create_model("efficient_me", size=32, depth=2)
    for name, value in model.state_dict().items():
        if name.endswith("running_mean"):
            value.normal_(std=0.1)
    path = tmp_path_factory.mktemp("weights") / "stored.safetensors"
    save_weights(path, model.state_dict(), {"data": "none"})
    return str(path)


def make(stored, stages, variants=None, loss=None):
    return NetworkSpec(
        model=ModelConfig(
            name="efficient_me", weights=stored, parameters={"depth": 2, "dropout": 0.3}
        ),
        loss=loss or LossConfig(),
        training=NetworkTraining(batch_size=5, stages=stages, variants=variants),
        num_classes=3,
        input_shape=(3, 32, 32),
    )


def jobs_of(images, **more):
    subjects = make_subjects(images.clips)
    return [replace(job, keep_state=True) for job in make_jobs(subjects, **more)]


def alone(spec, images, job):
    learner = SingleLearner(spec, images, device="cpu", compiled=False)
    return fit([job], learner, spec.training, images)[0]


def with_features(spec, images):
    return replace(images, features=shared_features(spec, images, "cpu"))


def test_a_still_backbone_keeps_every_stored_number(stored, images):
    result = alone(make(stored, (HEAD,)), images, jobs_of(images)[0])
    before = load_weights(stored).state
    for name, value in result.state.items():
        own = name.removeprefix("1.")
        if own.startswith("head."):
            assert not np.array_equal(value, before[own])
        elif own in before:
            np.testing.assert_array_equal(value, before[own])


def test_every_fold_begins_with_the_stored_backbone_and_a_head_of_its_own(stored, images):
    first, second = jobs_of(images)[:2]
    slow = make(stored, (Stage(epochs=1, learning_rate=1e-12),))
    states = [alone(slow, images, job).state for job in (first, second)]
    assert not np.array_equal(states[0]["1.head.1.weight"], states[1]["1.head.1.weight"])
    begun = load_weights(stored).state["stem.0.weight"]
    for state in states:
        np.testing.assert_allclose(state["1.stem.0.weight"], begun, atol=1e-9)


@pytest.mark.parametrize("variants", [None, VARIANTS])
def test_features_made_once_give_what_running_the_backbone_gives(stored, images, variants):
    spec, job = make(stored, (HEAD, ALL), variants), jobs_of(images)[1]
    every, once = alone(spec, images, job), alone(spec, with_features(spec, images), job)
    np.testing.assert_allclose(every.losses, once.losses, rtol=1e-4)
    np.testing.assert_allclose(every.scores, once.scores, atol=1e-3)


@pytest.mark.parametrize("cached", [False, True])
def test_a_stack_of_staged_folds_equals_each_alone(stored, images, cached):
    loss = LossConfig(name="focal", class_weights=(0.27, 0.35, 0.38), head_l1=0.01, head_l2=0.01)
    spec = make(stored, (HEAD, ALL), VARIANTS, loss)
    data = with_features(spec, images) if cached else images
    jobs = jobs_of(images)[:3]
    stacked = fit(jobs, StackedLearner(spec, data, device="cpu"), spec.training, data)
    for result, job in zip(stacked, jobs, strict=True):
        own = alone(spec, data, job)
        np.testing.assert_allclose(result.losses, own.losses, rtol=1e-3)
        np.testing.assert_allclose(result.scores, own.scores, atol=2e-3)


def test_kept_features_serve_the_same_weights_and_values_alone(stored, images, tmp_path):
    cache, file = ArrayCache(tmp_path / "cache"), tmp_path / "own.safetensors"
    shutil.copy(stored, file)
    spec, kept = make(str(file), (HEAD,)), replace(images, store=cache)
    made = shared_features(spec, kept, "cpu")
    np.testing.assert_array_equal(made, shared_features(spec, images, "cpu"))

    (entry,) = cache.root.rglob("*.npy")
    cache.save(entry.stem, np.full_like(made, 7))  # what is kept is used
    assert (shared_features(spec, kept, "cpu") == 7).all()
    assert (shared_features(make(stored, (HEAD,)), kept, "cpu") == 7).all()

    other = replace(kept, inputs=kept.inputs + np.float32(0.001))
    assert not (shared_features(spec, other, "cpu") == 7).any()
    state = load_weights(stored).state
    save_weights(file, {name: value * 1.01 for name, value in state.items()}, {"data": "none"})
    assert not (shared_features(spec, kept, "cpu") == 7).any()


def test_features_are_shared_only_where_every_fold_has_the_same_still_backbone(stored, images):
    rows = 18 * (1 + VARIANTS.count)
    assert shared_features(make(stored, (HEAD,), VARIANTS), images, "cpu").shape == (rows, 24)
    assert shared_features(make(stored, (ALL, HEAD)), images, "cpu") is None
    assert shared_features(make("", (HEAD,)), images, "cpu") is None


def test_each_iteration_has_its_own_patience_and_goes_on_from_the_best_weights(stored, images):
    blows_up = Stage(trainable="head", epochs=9, iterations=3, patience=2, learning_rate=1e-9)
    watch = {"validation": lambda test: Validation(clips=test, score="loss")}
    job = jobs_of(images, **watch)[0]
    result = alone(make(stored, (blows_up,)), images, job)
    assert len(result.losses) < 27, "no iteration stopped early"
    assert len(result.losses) >= 3 * 2, "an iteration did not wait for its patience"


def test_without_a_watch_every_epoch_of_every_iteration_runs(stored, images):
    stage = HEAD.model_copy(update={"iterations": 2, "patience": 1})
    result = alone(make(stored, (stage, ALL)), images, jobs_of(images)[0])
    assert len(result.losses) == result.epoch == 5


def test_weights_of_another_model_are_refused(stored, images):
    spec = make(stored, (HEAD,))
    deeper = spec.model.model_copy(update={"parameters": {"depth": 3}})
    with pytest.raises(ConfigError, match=r"do(es)? not fit"):
        alone(spec.model_copy(update={"model": deeper}), images, jobs_of(images)[0])


def test_a_model_without_a_head_cannot_be_held_still(images):
    spec = make("", (HEAD,)).model_copy(update={"model": ModelConfig(name="off_apexnet")})
    with pytest.raises(ConfigError, match="no part named 'head'"):
        alone(spec, images, jobs_of(images)[0])


@pytest.mark.parametrize(
    "settings",
    [
        {"stages": (HEAD,), "epochs": 3},
        {"epochs": 3},
        {},
        {"epochs": 1, "learning_rate": 1.0, "variants": VARIANTS, "flip_probability": 0.5},
    ],
)
def test_a_schedule_is_said_once(settings):
    with pytest.raises(ValueError, match=r"not both|above 0|give one of"):
        NetworkTraining(batch_size=2, **settings)


def test_variants_are_the_image_flipped_and_lit(images):
    training = NetworkTraining(batch_size=2, epochs=1, learning_rate=1.0, variants=VARIANTS)
    rows, changes = Rows(images, training, "cpu"), changes_of(training, 18, (1, 32, 32))
    flip, light = (drawn[:, 7].numpy() for _, drawn in changes)
    assert not flip[0] and light[0] == 0 and len(rows) == 18 * 4
    assert (np.abs(light) <= 255 * 0.2).all() and (light[1:] != 0).all()
    for change in range(4):
        taken = rows.take(torch.tensor([18 * change + 7]))[0].numpy()
        image = images.inputs[7]
        seen = image[..., ::-1] if flip[change] else image
        np.testing.assert_allclose(taken, np.clip(seen + light[change], 0, 255), atol=1e-4)


def test_head_penalty_by_hand():
    from openmer.training import head_penalty

    weight = torch.tensor([[1.0, -2.0], [0.5, 0.0]])
    penalty = head_penalty(weight, LossConfig(head_l1=0.1, head_l2=0.01))
    assert float(penalty) == pytest.approx(0.1 * 3.5 + 0.01 * 5.25)


def test_focal_loss_by_hand():
    from openmer.training import class_weights, clip_losses

    loss = LossConfig(name="focal", gamma=2.0, class_weights=(0.27, 0.35, 0.38))
    logits = torch.log(torch.tensor([[0.7, 0.2, 0.1]]))
    weights = class_weights(loss, np.array([2]), 3)
    found = clip_losses(logits, torch.tensor([1]), loss, weights)
    assert float(found) == pytest.approx(0.35 * 0.8**2 * 1.6094379, rel=1e-6)


def test_jobs_hand_out_their_numbers_only_when_asked(stored, images):
    job = FitJob(subject_id="demo/s1", seed=0, train=tuple(range(18)), predict=())
    assert alone(make(stored, (HEAD,)), images, job).state is None


def test_a_fold_does_not_depend_on_when_its_neighbours_stop(stored, images):
    stages = (
        Stage(trainable="head", epochs=6, iterations=3, patience=1, learning_rate=0.05),
        Stage(trainable="all", epochs=1, learning_rate=1e-3),
    )
    spec = make(stored, stages, VARIANTS)
    data = with_features(spec, images)
    jobs = jobs_of(images, validation=lambda test: Validation(clips=test, score="loss"))
    stacked = fit(jobs, StackedLearner(spec, data, device="cpu"), spec.training, data)
    assert len({len(result.losses) for result in stacked}) > 1, "all stop alike: no test at all"
    for result, job in zip(stacked, jobs, strict=True):
        own = alone(spec, data, job)
        assert result.epoch == own.epoch and len(result.losses) == len(own.losses)
        np.testing.assert_allclose(result.scores, own.scores, atol=5e-3)


def test_a_schedule_of_a_pretraining_is_refused_where_it_would_be_ignored():
    with pytest.raises(ValueError, match="pretraining"):
        NetworkTraining(
            batch_size=2, stages=(Stage(epochs=1, learning_rate=0.1, schedule="cosine"),)
        )


def test_new_contents_of_a_file_of_weights_are_not_taken_for_the_old_ones(tmp_path, images):
    from openmer.training import Resources, fit_jobs, plan_run

    path, scores = str(tmp_path / "w.safetensors"), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        model = create_model("efficient_me", size=32, depth=2)
        save_weights(tmp_path / "w.safetensors", model.state_dict(), {})
        spec = make(path, (HEAD, ALL))
        jobs = jobs_of(images)[:1]
        plan = plan_run(spec, jobs, Resources(device="cpu", workers=1))
        scores.append(next(iter(fit_jobs(jobs, spec, images, plan))).scores)
        fresh = alone(spec, with_features(spec, images), jobs[0]).scores
        np.testing.assert_allclose(scores[-1], fresh, atol=1e-5)
    assert not np.allclose(scores[0], scores[1])


def test_silu_in_place_costs_a_copy_that_training_saves_without_another_bit(stored, images):
    spec, job = make(stored, (ALL,)), jobs_of(images)[0]
    learner = SingleLearner(spec, images, device="cpu", compiled=False)
    silu = [part for part in learner._network.modules() if isinstance(part, torch.nn.SiLU)]
    assert silu and not any(part.inplace for part in silu)
    result = fit([job], learner, spec.training, images)[0]
    for part in silu:
        part.inplace = True
    again = fit([job], learner, spec.training, images)[0]
    assert result.weights_sha256 == again.weights_sha256


@pytest.mark.parametrize("compiled", [False, True])
def test_gates_have_their_twin_only_where_nothing_is_compiled(stored, images, compiled):
    from openmer.training._layers import GatedChannels

    learner = SingleLearner(make(stored, (ALL,)), images, device="cpu", compiled=compiled)
    gates = [part for part in learner._network.modules() if isinstance(part, GatedChannels)]
    assert bool(gates) != compiled
