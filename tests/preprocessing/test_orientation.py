"""Histograms of the direction of motion: cases by hand, sums, scale and flips."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmer.errors import ConfigError
from openmer.preprocessing import Recipe, flip_flow

STEPS = {"hoof": {"size": 4}, "bi_woof": {"size": 4}, "main_direction": {"size": 4}}


def recipe_of(name, **options):
    start = [{"step": "flow"}, {"step": "strain"}, {"step": "resize", "size": 16}]
    return Recipe.from_tables([*start, {"step": name, **STEPS[name], **options}])


def of(name, flow, **options):
    return recipe_of(name, **options).steps[-1].change(flow)


def random_flow(seed=0):
    flow = np.random.default_rng(seed).normal(size=(3, 16, 16)).astype(np.float32)
    return np.concatenate([flow[:2], np.abs(flow[2:])])


def moving(u, v, strain=1.0):
    flow = np.zeros((3, 16, 16), np.float32)
    flow[0], flow[1], flow[2] = u, v, strain
    return flow


@pytest.mark.parametrize(
    ("u", "v", "bin_of_hoof", "bin_of_bi_woof"),
    [(2, 1, 5, 0), (-2, 1, 5, 3), (2, -1, 2, 7), (-1, -2, 1, 5), (1, 2, 6, 1)],
)
def test_one_direction_fills_one_bin(u, v, bin_of_hoof, bin_of_bi_woof):
    hoof, woof = of("hoof", moving(u, v)), of("bi_woof", moving(u, v, strain=3))
    assert hoof.shape == woof.shape == (8, 4, 4)
    np.testing.assert_allclose(hoof[bin_of_hoof], 1, rtol=1e-5)
    assert np.count_nonzero(hoof) == 16
    np.testing.assert_allclose(woof[bin_of_bi_woof], 3 * np.hypot(u, v), rtol=1e-5)
    assert np.count_nonzero(woof) == 16


def test_the_main_direction_is_the_mean_of_the_fullest_bin():
    flow = moving(2, 1)
    flow[0, ::4, ::4], flow[1, ::4, ::4] = -50, -50  # one pixel of sixteen in each cell
    flow[0, 1::4, ::4] = 4
    found = of("main_direction", flow)
    np.testing.assert_allclose(found[0], (4 + 14 * 2) / 15, rtol=1e-5)
    np.testing.assert_allclose(found[1], 1, rtol=1e-5)


@pytest.mark.parametrize("name", STEPS)
def test_nothing_moves_and_nothing_breaks(name):
    assert not of(name, moving(0, 0, strain=0)).any()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.sampled_from(sorted(STEPS)))
def test_a_flip_before_the_step_is_a_flip_after_it(seed, name):
    recipe, flow = recipe_of(name), random_flow(seed)
    flipped = of(name, flip_flow(flow, stretched=False))
    np.testing.assert_allclose(recipe.flipped(of(name, flow)), flipped, atol=1e-5)
    np.testing.assert_allclose(recipe.flipped(recipe.flipped(flipped)), flipped)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_scale_does_not_reach_hoof_and_multiplies_the_others(seed, factor):
    flow = random_flow(seed)
    larger = (flow * factor).astype(np.float32)
    np.testing.assert_allclose(of("hoof", larger), of("hoof", flow), atol=1e-4)
    np.testing.assert_allclose(of("hoof", flow).sum(0), 1, rtol=1e-4)
    for name, power in (("bi_woof", 2), ("main_direction", 1)):
        expected = of(name, flow) * factor**power
        np.testing.assert_allclose(of(name, larger), expected, rtol=1e-2, atol=1e-4)


def test_bi_woof_needs_strain_and_says_so():
    with pytest.raises(ConfigError, match="takes u, v and strain, found 2"):
        Recipe.from_tables([{"step": "flow"}, {"step": "bi_woof", "size": 7}])


@pytest.mark.parametrize("name", STEPS)
def test_a_recipe_knows_what_comes_out(name):
    recipe = recipe_of(name, size=5)
    assert (recipe.channels, recipe.size) == (2 if name == "main_direction" else 8, 5)
