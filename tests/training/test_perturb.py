"""What perturbation does to flow and to images, when, and that it is the same wherever it runs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.builders import make_data, make_jobs, make_spec, make_subjects

from openmer.errors import ConfigError
from openmer.methods import load_method
from openmer.preprocessing import flip_flow
from openmer.training import FitJob, Oversample, Perturb, Planes, Resources, plan_run
from openmer.training._loop import fit
from openmer.training._perturb import Perturbation, draw, perturbed
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


def drawn(inputs, seed=0, **options):
    rng = np.random.default_rng(seed)
    return draw(Perturb(**options), len(inputs), tuple(inputs.shape[1:]), rng)


def changed(inputs, planes, seed=0, spread=1.0, **options):
    """Clips after the operations named in `options` alone."""
    draws = drawn(inputs, seed, **(OFF | options))
    return perturbed(inputs, draws, torch.full(inputs.shape[:2], spread), planes)


@given(planes=PLANES, seed=SEEDS)
def test_with_every_operation_off_nothing_changes(planes, seed):
    inputs = clips(seed=seed)
    assert torch.equal(changed(inputs, planes, seed), inputs)


@pytest.mark.parametrize("planes", [BOTH, EIGHT_BIT], ids=["pixels", "8-bit"])
def test_a_flip_flips_flow_and_image_and_turns_u(planes):
    inputs = clips()
    found = changed(inputs, planes, flip_probability=1).numpy()
    expected = flip_flow(inputs.numpy(), stretched=planes.stretched)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found[:, 1:], inputs.numpy()[:, 1:, :, ::-1])
    u = (255 if planes.stretched else 0) - inputs.numpy()[:, 0, :, ::-1]
    np.testing.assert_array_equal(found[:, 0], u)


def test_a_flip_of_images_alone_is_a_plain_flip():
    inputs = clips()
    assert torch.equal(changed(inputs, IMAGE, flip_probability=1), inputs.flip(-1))


@given(planes=PLANES, seed=SEEDS)
def test_two_flips_are_none(planes, seed):
    inputs = clips(seed=seed)
    twice = changed(changed(inputs, planes, flip_probability=1), planes, flip_probability=1)
    torch.testing.assert_close(twice, inputs)


@given(planes=PLANES, seed=SEEDS)
def test_jitter_leaves_flow_alone_and_changes_every_image(planes, seed):
    inputs = clips(seed=seed)
    found = changed(inputs, planes, seed, color_jitter=0.3)
    assert torch.equal(found[:, : planes.flow], inputs[:, : planes.flow])
    moved = (found[:, planes.flow :] != inputs[:, planes.flow :]).flatten(1)
    assert moved.any(dim=1).all()


def test_jitter_by_hand():
    """Brightness 1.1, contrast 0.5, saturation 2 on one dark red and one white pixel."""
    inputs = torch.tensor([[[[100.0, 200.0]], [[0.0, 200.0]], [[0.0, 200.0]]]])
    draws = replace(drawn(inputs, **OFF), factors=np.array([[1.1, 0.5, 2.0]], np.float32))
    found = perturbed(inputs, draws, torch.ones(1, 3), IMAGE)[0, :, 0].numpy()
    mean = (110 + 3 * 220) / 6
    red, other, white = ((value + mean) / 2 for value in (110, 0, 220))
    luma = 0.299 * red + 0.701 * other
    np.testing.assert_allclose(found[:, 0], [2 * red - luma, *[2 * other - luma] * 2], rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], [white] * 3, rtol=1e-5)


@given(seed=SEEDS)
def test_jitter_keeps_gray_gray_and_an_even_image_even(seed):
    gray = clips(channels=1, seed=seed).expand(-1, 3, -1, -1)
    found = changed(gray, IMAGE, seed, color_jitter=0.4)
    torch.testing.assert_close(found, found[:, :1].expand(-1, 3, -1, -1), rtol=1e-4, atol=1e-3)
    even = torch.full((6, 3, 8, 8), 90.0)
    assert (changed(even, IMAGE, seed, color_jitter=0.4).std((-2, -1)) < 1e-2).all()


@given(planes=PLANES, seed=SEEDS)
def test_jitter_and_flip_change_places(planes, seed):
    inputs = clips(seed=seed)
    one = changed(changed(inputs, planes, seed, color_jitter=0.3), planes, flip_probability=1)
    other = changed(changed(inputs, planes, flip_probability=1), planes, seed, color_jitter=0.3)
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-2)


def test_one_image_channel_is_gray_and_is_only_brightened_and_given_contrast():
    inputs = clips(channels=4)
    found = changed(inputs, BOTH, color_jitter=0.3)
    assert torch.equal(found[:, :3], inputs[:, :3])
    level = (found[:, 3].std((-2, -1)) / inputs[:, 3].std((-2, -1))).numpy()
    factors = drawn(inputs, **(OFF | {"color_jitter": 0.3})).factors
    np.testing.assert_allclose(level, factors[:, 0] * factors[:, 1], rtol=1e-4)


@pytest.mark.parametrize("planes", [BOTH, EIGHT_BIT, IMAGE])
def test_noise_is_as_wide_as_it_is_said_to_be_in_every_channel(planes):
    inputs = clips(count=4, size=64)
    spread = torch.tensor([0.5, 0.5, 0.01, 30.0, 40.0, 50.0]).expand(4, 6)
    noise = perturbed(inputs, drawn(inputs, **(OFF | {"noise": 0.1})), spread, planes) - inputs
    assert (noise.mean((0, -2, -1)).abs() < 0.05 * spread[0]).all()
    np.testing.assert_allclose(noise.std((0, -2, -1)), spread[0], rtol=0.03)


@given(
    planes=PLANES,
    seed=SEEDS,
    size=st.integers(8, 40),
    area=st.tuples(st.floats(0.02, 1), st.floats(0.02, 1)).map(sorted),
)
def test_a_mask_is_one_rectangle_of_the_asked_size_in_all_channels(planes, seed, size, area):
    inputs = clips(count=3, size=size, seed=seed)
    options = {"erasing_probability": 1, "erasing_area": tuple(area)}
    found = changed(inputs, planes, seed, **options)
    for clip, masked, box in zip(
        inputs, found, drawn(inputs, seed, **(OFF | options)).box, strict=True
    ):
        top, bottom, left, right = box
        assert 0 <= top < bottom <= size and 0 <= left < right <= size
        assert (bottom - top) * (right - left) >= area[0] * size**2 - size - 1
        assert (bottom - top) * (right - left) <= area[1] * size**2 + size + 1
        same = clip == masked
        inside = torch.zeros(size, size, dtype=torch.bool)
        inside[top:bottom, left:right] = True
        assert same[:, ~inside].all()
        fill = clip.mean((-2, -1))
        if not planes.stretched:
            fill[: planes.flow] = 0
        expected = fill[:, None].expand(-1, int(inside.sum()))
        torch.testing.assert_close(masked[:, inside], expected)


@given(seed=SEEDS)
def test_what_one_operation_draws_does_not_depend_on_the_others(seed):
    inputs = clips()
    every = drawn(
        inputs, seed, color_jitter=0.2, noise=0.1, flip_probability=0.5, erasing_probability=0.5
    )
    assert np.array_equal(every.flip, drawn(inputs, seed, **(OFF | {"flip_probability": 0.5})).flip)
    assert np.array_equal(
        every.factors, drawn(inputs, seed, **(OFF | {"color_jitter": 0.2})).factors
    )
    assert np.array_equal(
        every.box, drawn(inputs, seed, **(OFF | {"erasing_probability": 0.5})).box
    )
    assert np.array_equal(every.noise, drawn(inputs, seed, **(OFF | {"noise": 0.1})).noise)


def test_probabilities_are_those_asked_for():
    draws = drawn(
        clips(count=2000, channels=1, size=8), flip_probability=0.3, erasing_probability=0.7
    )
    assert abs(draws.flip.mean() - 0.3) < 0.03
    assert abs((draws.box[:, 1] > 0).mean() - 0.7) < 0.03
    assert np.abs(draws.factors - 1).max() <= 0.2


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
    return Perturbation(spec, data, [job], "cpu")


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
    with pytest.raises(ConfigError, match=r"training\.perturb.*features are made once.*Leave"):
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
