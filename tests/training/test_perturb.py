"""What perturbation does to flow and to images, when, and that it is the same wherever it runs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.builders import make_data, make_jobs, make_spec, make_subjects

from openmer.augmentation import Planes, apply_all
from openmer.errors import ConfigError
from openmer.methods import load_method
from openmer.training import FitJob, Oversample, Perturb, Resources, plan_run
from openmer.training._loop import fit
from openmer.training._perturb import Perturbation, augmentations_of, draw
from openmer.training._single import SingleLearner
from openmer.training._stacked import StackedLearner

OFF = {"color_jitter": 0, "noise": 0, "flip_probability": 0, "erasing_probability": 0}
BOTH = Planes(flow=3, stretched=False)
EIGHT_BIT = Planes(flow=3, stretched=True)
IMAGE = Planes(flow=0, stretched=False)
PLANES = st.sampled_from([BOTH, EIGHT_BIT, IMAGE])
SEEDS = st.integers(0, 99)


def clips(count=6, channels=6, size=12, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(100, 20, (count, channels, size, size)).astype(np.float32))


def changed(inputs, planes, seed=0, **options):
    """Clips after the operations named in `options` alone, and what was drawn."""
    used = augmentations_of(Perturb(**(OFF | options)), np.ones(inputs.shape[1], np.float32))
    rng = np.random.default_rng(seed)
    parameters = draw(used, len(inputs), tuple(inputs.shape[1:]), rng)
    return apply_all(used, inputs, parameters, planes), parameters


@given(planes=PLANES, seed=SEEDS)
def test_with_every_operation_off_nothing_changes(planes, seed):
    inputs = clips(seed=seed)
    assert torch.equal(changed(inputs, planes, seed)[0], inputs)


@given(seed=SEEDS)
def test_what_one_operation_draws_does_not_depend_on_the_others(seed):
    inputs = clips()
    options = {"flip_probability": 0.5, "color_jitter": 0.2, "noise": 0.1, "erasing_probability": 1}
    every = changed(inputs, BOTH, seed, **options)[1]
    for place, (name, value) in enumerate(options.items()):
        alone = changed(inputs, BOTH, seed, **{name: value})[1]
        own = alone[-1] if name == "erasing_probability" else alone[place]
        assert torch.equal(every[place], own)


def spec_of(data, planes=BOTH, **training):
    """A small network whose steps see perturbed clips, all of them unless said otherwise."""
    perturb = training.pop("perturb", Perturb(every=1))
    made = make_spec("flow_mlp", data, perturb=perturb, **({"epochs": 3} | training))
    return made.model_copy(update={"planes": planes})


def alone(spec, data, jobs):
    learner = SingleLearner(spec, data, device="cpu", compiled=False)
    return [fit([job], learner, spec.training, data)[0] for job in jobs]


def perturbation(perturb, job=None, data=None, planes=BOTH):
    data = data or make_data(channels=6)
    job = job or FitJob(subject_id="demo/s1", seed=0, train=tuple(range(4, 24)), predict=())
    spec = spec_of(data, planes, perturb=perturb)
    return Perturbation(spec, data, [job])


@given(interval=st.integers(0, 7), unit=st.sampled_from(["epoch", "step"]))
def test_which_epochs_and_steps_are_perturbed(interval, unit):
    """20 clips in batches of 7 are three steps an epoch."""
    apply, inputs = perturbation(Perturb(every=interval, unit=unit)), clips(size=8)[None]
    for epoch in range(1, 8):
        for step in range(3):
            found = apply(inputs, [6], (epoch, step))
            counted = 3 * (epoch - 1) + step + 1 if unit == "step" else epoch
            struck = interval > 0 and counted % interval == 0
            assert (found is inputs) != struck


def test_draws_depend_on_seed_subject_epoch_and_step_alone():
    job = FitJob(subject_id="demo/s1", seed=0, train=tuple(range(4, 24)), predict=())
    inputs, every = clips(size=8)[None], Perturb(every=1)

    def found(job=job, moment=(1, 0)):
        return perturbation(every, job)(inputs, [6], moment)

    assert torch.equal(found(), found())
    others = [
        found(replace(job, seed=1)), found(replace(job, subject_id="demo/s2")),
        found(moment=(2, 0)), found(moment=(1, 1)),
    ]  # fmt: skip
    assert not any(torch.equal(found(), other) for other in others)


def test_the_noise_is_a_share_of_the_spread_of_the_jobs_own_clips():
    data = make_data(channels=6)
    data.inputs[:4] = np.nan
    scales = np.array([1, 2, 0.1, 30, 40, 50], np.float32)[:, None, None]
    data = replace(data, inputs=data.inputs * scales)
    apply = perturbation(Perturb(**(OFF | {"every": 1, "noise": 0.5})), data=data)
    noise = (apply(torch.zeros(1, 500, 6, 8, 8), [500], (1, 0))).std((0, 1, 3, 4))
    own = data.inputs[4:].std((0, 2, 3))
    np.testing.assert_allclose(noise, 0.5 * own, rtol=0.03)


def test_what_the_channels_are_must_be_known():
    with pytest.raises(ConfigError, match=r"which of their channels are flow"):
        perturbation(Perturb(), planes=None)


@pytest.mark.parametrize("unit", ["epoch", "step"])
@pytest.mark.parametrize("planes", [BOTH, EIGHT_BIT, IMAGE])
def test_a_stack_equals_each_alone(planes, unit):
    data = make_data(clips=25, channels=6)
    spec = spec_of(
        data, planes, perturb=Perturb(every=2, unit=unit, flip_probability=0.5), epochs=4
    )
    jobs = make_jobs(make_subjects(25))
    assert len({-(-len(job.train) // 7) for job in jobs}) > 1, "no fold skips a step"
    stacked = fit(jobs, StackedLearner(spec, data, device="cpu"), spec.training, data)
    for one, other in zip(stacked, alone(spec, data, jobs), strict=True):
        np.testing.assert_allclose(one.losses, other.losses, rtol=1e-4)
        np.testing.assert_allclose(one.scores, other.scores, atol=2e-4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"color_jitter": 0.3},
        {"noise": 0.5},
        {"flip_probability": 1},
        {"erasing_probability": 1},
    ],
)
def test_the_same_bytes_again_and_others_than_without(options):
    data = make_data(channels=6)
    jobs = make_jobs(make_subjects())[:2]

    def digests(perturb):
        results = alone(spec_of(data, perturb=perturb), data, jobs)
        return [result.weights_sha256 for result in results]

    asked = Perturb(every=2, **(OFF | options if options else {}))
    found, clean = digests(asked), digests(None)
    assert found == digests(asked)
    assert all(one != other for one, other in zip(found, clean, strict=True))
    assert digests(asked.model_copy(update={"every": 4})) == clean, "three epochs have no 4th"
    assert digests(asked.model_copy(update={"every": 0})) == clean


def test_nothing_is_perturbed_to_be_scored_or_read():
    """Weights that hardly move score as those that never saw a perturbed clip."""
    data, jobs = make_data(channels=6), make_jobs(make_subjects())[:1]
    still = {"learning_rate": 1e-12}
    wild = Perturb(every=1, noise=9, erasing_probability=1, flip_probability=1)
    found, clean = (
        alone(spec_of(data, perturb=perturb, **still), data, jobs)[0] for perturb in (wild, None)
    )
    assert not np.allclose(found.losses, clean.losses, rtol=1e-2)
    np.testing.assert_allclose(found.scores, clean.scores, atol=1e-5)


def test_copies_and_flipped_clips_are_perturbed_too():
    data = make_data(channels=6, flipped=True)
    jobs = make_jobs(make_subjects())[:2]
    for more, planes in (({"flip_probability": 0.5}, BOTH), ({"oversample": Oversample()}, IMAGE)):
        spec = spec_of(data, planes, **more)
        stacked = fit(jobs, StackedLearner(spec, data, device="cpu"), spec.training, data)
        for one, other in zip(stacked, alone(spec, data, jobs), strict=True):
            np.testing.assert_allclose(one.losses, other.losses, rtol=1e-4)


def test_features_that_are_made_once_are_refused():
    perturb = "training.perturb.every=5"
    spec = load_method("efficient-me", (perturb,)).network_spec(3, (3, 32, 32))
    job = FitJob(subject_id="demo/s1", seed=0, train=(0, 1), predict=(2,))
    with pytest.raises(ConfigError, match=r"training\.perturb.*features are computed once.*Leave"):
        plan_run(spec, [job], Resources(device="cpu"))
    off = load_method("efficient-me", ("training.perturb.every=0",)).network_spec(3, (3, 32, 32))
    assert plan_run(off, [job], Resources(device="cpu", compiled="never"))


def test_a_method_names_it_and_its_recipe_says_what_the_channels_are():
    method = load_method("ststnet", ("training.perturb.noise=0.1",))
    assert method.training.perturb == Perturb(noise=0.1)
    assert method.network_spec(3, (3, 28, 28)).planes == EIGHT_BIT
    assert load_method("efficient-me").network_spec(3, (3, 28, 28)).planes == IMAGE
    with pytest.raises(
        ConfigError,
        match=r"perturb\.flip_probabilty.*perturb\.flip_probability",
    ):
        load_method("ststnet", ("training.perturb.flip_probabilty=1",))


@pytest.mark.parametrize("area", [(0.2, 0.1), (0.0, 0.1), (0.5, 1.5)])
def test_an_area_that_makes_no_sense_is_refused(area):
    with pytest.raises(ValidationError, match="the least first"):
        Perturb(erasing_area=area)
